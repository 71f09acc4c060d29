/**
 * The admin port: what it shows, made from the parts of the relay; and what is
 * counted for it while the relay works.
 */
import { readFileSync } from "node:fs";
import { isLoopback } from "../admin/loopback.ts";
import type { AdminServerOptions } from "../admin/server.ts";
import type { Config } from "../config/config.ts";
import type { SessionSeen } from "../delivery/session-seen.ts";
import type { PolicyAnswer } from "../mta-sts/answer.ts";
import type { Events } from "../observe/events.ts";
import type { MetricsSnapshot } from "../observe/metrics.ts";
import { createFlowCounter } from "../operate/flow.ts";
import type { RuleBook } from "../operate/rule-book.ts";
import { protectionOf } from "../operate/tls-tally.ts";
import type { StoreConnection } from "../store/connection.ts";
import { createFlowStore } from "../store/flow.ts";
import type { MailQueue } from "../store/mail-queue.ts";
import { openAdminParts } from "./admin-parts.ts";
import { adminDoor } from "./admin-door.ts";
import type { Crew } from "./crew.ts";
import type { Duties } from "./duties.ts";
import type { Protocols } from "./protocols.ts";
import { EXIT_UNAVAILABLE, StartError } from "./start-error.ts";

/** What the relay tells of its work. */
export type Counting = {
  policyAnswer(answer: PolicyAnswer): void;
  session(seen: SessionSeen): void;
  attemptTook(ms: number): void;
};

export type Admin = Counting & {
  /** To be used in place of those that were handed in. */
  events: Events;
  /** The same queue, with a clock beside it. */
  timed(queue: MailQueue): MailQueue;
  /** What this process has counted. `undefined`: nothing is. */
  counted(): Promise<MetricsSnapshot | undefined>;
  /** Begins to answer. `undefined`: there is no port, or it is taken. Throws a `StartError`. */
  open(running: AdminRunning): Promise<{ host: string; port: number } | undefined>;
};

export type AdminRunning = {
  protocols: Protocols;
  queue: MailQueue;
  rules: Pick<RuleBook, "find">;
  duties: Pick<Duties, "submission" | "delivery">;
  /** Where the relay takes mail. */
  listeners: number;
  /** The processes that do the work, where this one does not. */
  crew: Pick<Crew, "trouble" | "counted"> | undefined;
};

export type AdminSetting = {
  config: Config;
  live: () => Config;
  connection: StoreConnection;
  events: Events;
  /** The relay takes no more mail. */
  isStopping: () => boolean;
};

const SECOND_MS = 1_000;

/** What it starts, `stack` stops: to be called early, so that it answers until everything else has ended. */
export async function prepareAdmin(setting: AdminSetting, stack: AsyncDisposableStack): Promise<Admin> {
  const { config, connection } = setting;
  if (!config.admin.enabled) return nothing(setting.events);
  // Not before it is wanted: a command that only looks at the queue would load it for nothing.
  const { createMetrics } = await import("../observe/metrics.ts");
  const version = ownVersion();
  const metrics = createMetrics({ version });
  const flow = createFlowCounter({ store: createFlowStore(connection), now: Date.now });
  stack.defer(startFlushing(() => flow.flush()));
  const events = metrics.events(flow.events(setting.events));
  const closing = new AsyncDisposableStack();
  stack.defer(() => closing.disposeAsync());
  return {
    events,
    policyAnswer: (answer) => metrics.policyAnswer(answer),
    session: (seen) => metrics.session(protectionOf(seen)),
    attemptTook: (ms) => metrics.attemptTook(ms),
    timed: (queue) => ({
      ...queue,
      async add(...message) {
        const startedAt = performance.now();
        await queue.add(...message);
        metrics.acceptTook(performance.now() - startedAt);
      },
    }),
    counted: () => metrics.snapshot(),
    async open(running) {
      const parts = await openAdminParts({ ...setting, ...running, version, metrics, events }, closing);
      return listen({ ...setting, events }, parts, closing);
    },
  };
}

const nothing = (events: Events): Admin => ({
  events,
  policyAnswer: () => undefined,
  session: () => undefined,
  attemptTook: () => undefined,
  timed: (queue) => queue,
  counted: async () => undefined,
  open: async () => undefined,
});

type Served = Pick<AdminServerOptions, "routes" | "pages" | "open">;

async function listen(setting: AdminSetting, served: Served, stack: AsyncDisposableStack) {
  const { config, live, connection, events } = setting;
  const { host, port } = config.admin;
  const [{ startAdminServer }, { createRateLimit }] = await Promise.all([
    import("../admin/server.ts"),
    import("../admin/rate-limit.ts"),
  ]);
  try {
    const server = await startAdminServer({
      host,
      port,
      ...served,
      door: adminDoor(live, connection),
      names: () => live().admin.names,
      // A page asks for a few things every few seconds; a scrape for one.
      // One page is some 25 files: a person who leafs through pages quickly must not meet this limit.
      rateLimit: createRateLimit({ perSecond: 100, burst: 800, now: Date.now }),
      onLoginFailed: (what) => events.adminLoginFailed(what),
      onFault: (err) => events.fault({ where: "admin port", err }),
    });
    stack.defer(() => server.close());
    events.adminOpen({ url: urlOf(server) });
    return { host: server.address, port: server.port };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    // On loopback it is a convenience, and another relay on this machine may have it: no reason to take no mail.
    if (!isLoopback(host)) throw new StartError(`admin: cannot listen: ${why}`, EXIT_UNAVAILABLE, { cause });
    events.adminUnavailable({ detail: why });
    return undefined;
  }
}

const urlOf = ({ address, port }: { address: string; port: number }) =>
  `http://${address.includes(":") ? `[${address}]` : address}:${port}/`;

/** What is counted is worth less than a log full of what Redis cannot do: it is kept, and tried again. */
function startFlushing(flush: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= flush()
      .catch(() => undefined)
      .finally(() => {
        running = undefined;
      });
  }, SECOND_MS);
  return async () => {
    clearInterval(timer);
    await running;
    await flush().catch(() => undefined);
  };
}

function ownVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
