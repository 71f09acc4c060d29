/** What a walk over real hosts of the lab needs, and what it told. */
import type { Resolver } from "../../../src/dns/answer.ts";
import { createAddressGuard } from "../../../src/dns/address-guard.ts";
import type { Message, WalkParts, WalkReport } from "../../../src/delivery/walk.ts";
import type { Outcome } from "../../../src/delivery/outcome.ts";
import type { RouteHost } from "../../../src/delivery/route.ts";
import type { SessionSeen } from "../../../src/delivery/session-seen.ts";
import type { MxHost } from "../../../src/lab/mx-host.ts";
import type { KnownPolicy, PolicyAnswer, PolicyMode } from "../../../src/mta-sts/answer.ts";
import { createSessionPool } from "../../../src/smtp/pool.ts";
import { openSession, type OpenOptions } from "../../../src/smtp/session.ts";
import { type HostRequirement, OPPORTUNISTIC, requirementFor } from "../../../src/tls/requirement.ts";
import { trust } from "../../support/test-hosts.ts";
import { createZoneResolver } from "../../support/zone-resolver.ts";

export type TestParts = WalkParts &
  Disposable & {
    /** How each session was opened, in order. */
    openings: OpenOptions["starttls"][];
  };

export const SOON = { setupTimeoutMs: 500, commandTimeoutMs: 2000, dataTimeoutMs: 2000 };

/** All hosts are at 127.0.0.1. */
export function createParts(change: Partial<WalkParts> = {}): TestParts {
  const pool = createSessionPool({ idleMs: 60_000, messagesPerSession: 100 });
  const openings: TestParts["openings"] = [];
  return {
    pool,
    trust,
    hostname: "relay.test",
    limits: { setupTimeoutMs: 2000, commandTimeoutMs: 2000, dataTimeoutMs: 2000 },
    openSession(target, options) {
      openings.push(options.starttls);
      return openSession(target, options);
    },
    now: Date.now,
    dns: loopbackDns,
    guard: createAddressGuard({ allow: ["127.0.0.0/8"] }),
    sourceAddress: {},
    ipv6: true,
    recipientsPerTransaction: 100,
    ...change,
    openings,
    [Symbol.dispose]: () => pool.close(),
  };
}

const loopbackDns: Resolver = {
  ...createZoneResolver({}),
  addresses: (name) =>
    Promise.resolve({
      kind: "found",
      records: [{ address: "127.0.0.1", family: 4 }],
      name,
      ttlSeconds: 60,
      authentic: false,
    }),
};

export const routeTo = (host: MxHost): RouteHost => ({ name: host.name, port: host.port, implicitTls: false });

export const MESSAGE: Message = {
  from: "sender@lab.test",
  data: Buffer.from("Subject: secret words\r\n\r\nbody\r\n"),
  smtputf8: false,
  eightBit: false,
};

export function policyAnswer(mode: PolicyMode, mx: string[], change: Partial<KnownPolicy> = {}): PolicyAnswer {
  const policy = { mode, mx, maxAgeSeconds: 86_400 };
  const expiresAt = Date.now() + 86_400_000;
  const known = { domain: "lab.test", id: "1", policy, text: "", fetchedAt: Date.now(), expiresAt, ...change };
  return { kind: "policy", known, recordChecked: "same" };
}

export const under =
  (mode: PolicyMode, mx = ["*.lab.test"]) =>
  (host: RouteHost): HostRequirement =>
    requirementFor(host.name, "optional", policyAnswer(mode, mx));

export const withoutPolicy = (): HostRequirement => OPPORTUNISTIC;

export type RecordedReport = WalkReport & {
  /** `host verdict: result`. */
  attempts: string[];
  violations: string[];
  sessions: Omit<SessionSeen, "domain">[];
  settlements: Map<string, Outcome>[];
};

/** @param onSettled runs before `settled` resolves */
export function createReport(onSettled: () => void | Promise<void> = () => undefined): RecordedReport {
  const attempts: string[] = [];
  const violations: string[] = [];
  const sessions: RecordedReport["sessions"] = [];
  const settlements: Map<string, Outcome>[] = [];
  return {
    attempts,
    violations,
    sessions,
    settlements,
    attempt: ({ host, verdict, result }) => void attempts.push(`${host} ${verdict}: ${result}`),
    violation: (host, shortfall) => void violations.push(`${host} ${shortfall.resultType}`),
    session: (seen) => void sessions.push(seen),
    async settled(outcomes) {
      settlements.push(new Map(outcomes));
      await onSettled();
    },
  };
}
