/**
 * Fetches a domain's policy once for all who want it, in this process and in
 * others, and writes down what came of it. RFC 8461 section 3.3.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Domain } from "../dns/answer.ts";
import type { KnownFailure, KnownPolicy, PolicyEvent } from "./answer.ts";
import { weakening } from "./change.ts";
import { expiryOf, isInForce, pauseUntil } from "./freshness.ts";
import type { FetchedPolicy, FetchPolicy } from "./policy-fetch.ts";
import type { FetchLock, PolicyMemory } from "./policy-memory.ts";

export type Wanted = {
  domain: Domain;
  /** The record id to fetch under. */
  id: string;
  /** What led to this fetch. Whatever is there instead of it was fetched meanwhile by another. */
  known: KnownPolicy | undefined;
  failure: KnownFailure | undefined;
  occasion: "delivery" | "refresh";
};

/** Perhaps of another id than the wanted one: the fetch was another's. */
export type Renewal = { kind: "renewed"; known: KnownPolicy } | { kind: "failed"; failure: KnownFailure };

export type RenewalParts = {
  memory: PolicyMemory;
  fetchPolicy: FetchPolicy;
  now: () => number;
  report: (event: PolicyEvent) => void;
  /** How long the right to fetch is held at most: longer than a fetch may take. */
  fetchLockMs: number;
  /** How often one who waits for another's fetch looks. */
  pollMs: number;
  /** Ends every fetch and wait. */
  signal?: AbortSignal | undefined;
};

/** One at a time for each domain: who comes while one runs gets the same. */
export function createRenewal(parts: RenewalParts): (wanted: Wanted) => Promise<Renewal> {
  const running = new Map<Domain, Promise<Renewal>>();
  return (wanted) => {
    const already = running.get(wanted.domain);
    if (already !== undefined) return already;
    const renewal = inTurn(parts, wanted).finally(() => running.delete(wanted.domain));
    running.set(wanted.domain, renewal);
    return renewal;
  };
}

async function inTurn(parts: RenewalParts, wanted: Wanted): Promise<Renewal> {
  const { memory, fetchLockMs, pollMs, signal } = parts;
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    const lock = await memory.lockFetch(wanted.domain, fetchLockMs);
    // Without a store to ask, and after the longest another may take, it is
    // fetched all the same: a second fetch does no harm, no policy does.
    const mine = lock !== "held" || waitedMs > fetchLockMs;
    try {
      const news = await newsSince(memory, wanted);
      if (news !== undefined) return news;
      if (mine) return await renew(parts, wanted);
    } finally {
      if (isLock(lock)) await lock.release();
    }
    await sleep(pollMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

const isLock = (lock: FetchLock | string): lock is FetchLock => typeof lock === "object";

/** What another process fetched since `wanted` was put together. Compared with what was seen then, not by the clock: clocks differ. */
async function newsSince(memory: PolicyMemory, wanted: Wanted): Promise<Renewal | undefined> {
  const recalled = await memory.recall(wanted.domain);
  if (recalled.kind === "unavailable") return undefined;
  const { known } = recalled;
  if (known !== undefined && known.fetchedAt !== wanted.known?.fetchedAt) return { kind: "renewed", known };
  const failure = await memory.failure(wanted.domain);
  if (failure !== undefined && failure.failedAt !== wanted.failure?.failedAt) return { kind: "failed", failure };
  return undefined;
}

async function renew(parts: RenewalParts, wanted: Wanted): Promise<Renewal> {
  const { fetchPolicy, now, signal } = parts;
  const result = await fetchPolicy(wanted.domain, signal);
  const at = now();
  if (result.kind === "fetched") return { kind: "renewed", known: await keepPolicy(parts, wanted, result, at) };
  const failure = {
    ...result.failure,
    id: wanted.id,
    failedAt: at,
    retryAt: pauseUntil(wanted.failure, wanted.id, at),
  };
  await keepFailure(parts, wanted, failure);
  return { kind: "failed", failure };
}

async function keepPolicy(
  { memory, report }: RenewalParts,
  { domain, id, known: before }: Wanted,
  { policy, text }: FetchedPolicy,
  fetchedAt: number,
): Promise<KnownPolicy> {
  const known = { domain, id, policy, text, fetchedAt, expiresAt: expiryOf(policy, fetchedAt) };
  // With max_age 0 it serves the delivery at hand only; but it takes the place
  // of an earlier one, which the domain no longer stands by.
  if (policy.maxAgeSeconds > 0 || before !== undefined) await memory.keep(known);
  report(eventOf(before, known));
  return known;
}

function eventOf(before: KnownPolicy | undefined, known: KnownPolicy): PolicyEvent {
  if (before === undefined) return { kind: "found", known };
  if (JSON.stringify(before.policy) === JSON.stringify(known.policy)) return { kind: "renewed", known };
  return { kind: "changed", before, after: known, weaker: weakening(before.policy, known.policy) };
}

async function keepFailure({ memory, report }: RenewalParts, wanted: Wanted, failure: KnownFailure): Promise<void> {
  const { domain, id, known, occasion } = wanted;
  await memory.keepFailure(domain, failure);
  const cached = known !== undefined && isInForce(known, failure.failedAt) ? known : undefined;
  const { resultType, detail } = failure;
  if (occasion === "refresh" && cached !== undefined) {
    report({ kind: "refresh-failed", domain, detail, cached, failure: { resultType, detail } });
  } else report({ kind: "fetch-failed", domain, id, failure: { resultType, detail }, cached });
}
