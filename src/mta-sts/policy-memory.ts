/**
 * The store's policies, with this process's own memory behind it: what was seen
 * here serves until it expires, whatever becomes of the store. Trouble with the
 * store must not weaken anybody's protection. RFC 8461 section 3.3.
 */
import type { Domain } from "../dns/answer.ts";
import type { KnownFailure, KnownPolicy, PolicyEvent, PolicyStore } from "./answer.ts";
import { createBoundedMap } from "./bounded-map.ts";
import { isInForce, refreshAt } from "./freshness.ts";
import { createOncePer } from "./once-per.ts";

export type PolicyMemory = {
  /** The newest policy known, in force or expired; `unavailable` when the store cannot say and nothing in force is remembered. */
  recall(domain: Domain): Promise<{ kind: "recalled"; known: KnownPolicy | undefined } | { kind: "unavailable" }>;
  /** What the store said within the last second, without asking it; `undefined` when that is longer ago. */
  lately(domain: Domain): { known: KnownPolicy | undefined } | undefined;
  keep(known: KnownPolicy): Promise<void>;
  failure(domain: Domain): Promise<KnownFailure | undefined>;
  keepFailure(domain: Domain, failure: KnownFailure): Promise<void>;
  /** The right to fetch; `held` by another; `unavailable`: the store cannot say who has it. */
  lockFetch(domain: Domain, ttlMs: number): Promise<FetchLock | "held" | "unavailable">;
};

export type FetchLock = { release(): Promise<void> };

export type PolicyMemoryParts = {
  store: PolicyStore;
  now: () => number;
  random: () => number;
  report: (event: PolicyEvent) => void;
  /** How often a policy is fetched anew. Default: a day. */
  refreshEveryMs?: number;
};

/** About 32 MiB of policy text. */
const MOST_CHARACTERS = 16 * 1024 * 1024;
const MOST_FAILURES = 10_000;
const MOST_LATELY = 10_000;
const LATELY_MS = 1_000;
const MINUTE_MS = 60_000;

export function createPolicyMemory(parts: PolicyMemoryParts): PolicyMemory {
  const { store, now, random, report, refreshEveryMs } = parts;
  const policies = createBoundedMap<KnownPolicy>(MOST_CHARACTERS, ({ text }) => text.length + 512);
  /** Those that the store did not take: it would not know of the pause. */
  const unwrittenFailures = createBoundedMap<KnownFailure>(MOST_FAILURES);
  const tellNow = createOncePer(MINUTE_MS, now);
  const looked = createBoundedMap<{ known: KnownPolicy | undefined; at: number }>(MOST_LATELY);

  type Doing = Extract<PolicyEvent, { kind: "store-failed" }>["doing"];
  const failing = (domain: Domain, doing: Doing, cause: unknown) => {
    if (tellNow(doing)) report({ kind: "store-failed", domain, doing, cause });
  };

  const keep = async (known: KnownPolicy) => {
    policies.set(known.domain, known);
    looked.set(known.domain, { known, at: now() });
    unwrittenFailures.delete(known.domain);
    try {
      await store.put(known, refreshAt(known, random(), refreshEveryMs));
    } catch (cause) {
      failing(known.domain, "writing", cause);
    }
  };

  const recall: PolicyMemory["recall"] = async (domain) => {
    let stored: KnownPolicy | undefined;
    try {
      stored = await store.get(domain);
    } catch (cause) {
      failing(domain, "reading", cause);
      const seen = policies.get(domain);
      // An expired one says nothing: another process may have renewed it.
      return seen !== undefined && isInForce(seen, now()) ? { kind: "recalled", known: seen } : { kind: "unavailable" };
    }
    const seen = policies.get(domain);
    if (seen === undefined || (stored !== undefined && stored.fetchedAt >= seen.fetchedAt)) {
      if (stored !== undefined) policies.set(domain, stored);
      return { kind: "recalled", known: stored };
    }
    // The store lost it, or did not take it: it is brought up to date.
    if (isInForce(seen, now())) await keep(seen);
    return { kind: "recalled", known: seen };
  };

  return {
    keep,

    async recall(domain) {
      const recalled = await recall(domain);
      if (recalled.kind === "recalled") looked.set(domain, { known: recalled.known, at: now() });
      return recalled;
    },

    lately(domain) {
      const seen = looked.get(domain);
      const age = seen === undefined ? Infinity : now() - seen.at;
      return age >= 0 && age < LATELY_MS ? seen : undefined;
    },

    async failure(domain) {
      const unwritten = unwrittenFailures.get(domain);
      try {
        return (await store.failure(domain)) ?? unwritten;
      } catch (cause) {
        failing(domain, "reading", cause);
        return unwritten;
      }
    },

    async keepFailure(domain, failure) {
      try {
        await store.putFailure(domain, failure);
        unwrittenFailures.delete(domain);
      } catch (cause) {
        unwrittenFailures.set(domain, failure);
        failing(domain, "writing", cause);
      }
    },

    async lockFetch(domain, ttlMs) {
      try {
        const lock = await store.lockFetch(domain, ttlMs);
        if (lock === undefined) return "held";
        // A lock that cannot be given back ends by itself.
        return { release: () => lock.release().catch((cause: unknown) => failing(domain, "locking", cause)) };
      } catch (cause) {
        failing(domain, "locking", cause);
        return "unavailable";
      }
    },
  };
}
