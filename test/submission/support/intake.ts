/**
 * A listener on a free port of loopback, with a queue that is an array and events
 * that are written down.
 */
import type { AcceptedMessage } from "../../../src/mail/envelope.ts";
import { createByteBudget } from "../../../src/submission/limits.ts";
import { type Listener, type ListenerOptions, startListener } from "../../../src/submission/listener.ts";
import { createLoginGuard } from "../../../src/submission/login-guard.ts";
import type { IntakeRules } from "../../../src/submission/rules.ts";
import { createTrust } from "../../../src/submission/trust.ts";
import { memoryLimiter } from "./memory-limiter.ts";

export type Recorded = { event: string; what: Record<string, unknown> };

export type Intake = AsyncDisposable & {
  listener: Listener;
  port: number;
  /** What was taken, in order. */
  queue: AcceptedMessage[];
  events: Recorded[];
  /** Resolves with the first event of this name, now or later. */
  event(name: string): Promise<Recorded["what"]>;
};

const RULES: IntakeRules = {
  maxMessageBytes: 100_000,
  maxRecipients: 100,
  maxReceived: 50,
  bareLineEndings: "refuse",
  allowAddressLiterals: false,
  limits: { connections: 50, connectionsPerClient: 50 },
  rates: { messages: {}, recipients: {} },
  trust: createTrust(["127.0.0.0/8"]),
  loginGuard: createLoginGuard({ byClient: memoryLimiter(1_000), byName: memoryLimiter(1_000) }),
  idleTimeoutMs: 60_000,
  sessionTimeoutMs: 60_000,
};

/** `changes` to the options, or to the rules in them. */
export async function startIntake(changes: Partial<ListenerOptions & IntakeRules> = {}): Promise<Intake> {
  const queue: AcceptedMessage[] = [];
  const events: Recorded[] = [];
  const waiting: { name: string; resolve: (what: Recorded["what"]) => void }[] = [];
  const record = (event: string) => (what: Record<string, unknown>) => {
    events.push({ event, what });
    for (const one of waiting) if (one.name === event) one.resolve(what);
  };
  const listener = await startListener({
    host: "127.0.0.1",
    port: 0,
    tls: "none",
    hostname: "relay.example",
    rules: () => ({ ...RULES, ...changes }),
    budget: createByteBudget(() => 10_000_000),
    dataTimeoutMs: 60_000,
    enqueueTimeoutMs: 10_000,
    events: {
      accepted: record("accepted"),
      submissionRefused: record("submissionRefused"),
      loginFailed: record("loginFailed"),
      fault: record("fault"),
    },
    debug: record("debug"),
    enqueue: async (message) => {
      queue.push(message);
    },
    now: Date.now,
    ...changes,
  });
  return {
    listener,
    port: listener.port,
    queue,
    events,
    event: (name) => {
      const known = events.find((one) => one.event === name);
      if (known !== undefined) return Promise.resolve(known.what);
      return new Promise((resolve) => {
        waiting.push({ name, resolve });
      });
    },
    [Symbol.asyncDispose]: () => listener.close(1),
  };
}

/** The text of a queued message. */
export const textOf = (message: AcceptedMessage | undefined): string => message?.data.toString("utf8") ?? "";
