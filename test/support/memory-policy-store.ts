/**
 * A policy store without Redis, for tests of what stands on it. Can be told to
 * fail, as a store that is away does.
 */
import type { Domain } from "../../src/dns/answer.ts";
import type { KnownFailure, KnownPolicy, PolicyStore } from "../../src/mta-sts/answer.ts";

export type MemoryPolicyStore = PolicyStore & {
  policies: Map<Domain, KnownPolicy>;
  refreshes: Map<Domain, number>;
  failures: Map<Domain, KnownFailure>;
  /** Held rights to fetch, with the wall-clock time of their end. */
  locks: Map<Domain, number>;
  /** What rejects from now on. */
  failing: { reads: boolean; writes: boolean; locks: boolean };
};

export function createMemoryPolicyStore(): MemoryPolicyStore {
  const failing = { reads: false, writes: false, locks: false };
  const policies = new Map<Domain, KnownPolicy>();
  const refreshes = new Map<Domain, number>();
  const failures = new Map<Domain, KnownFailure>();
  const locks = new Map<Domain, number>();

  return {
    policies,
    refreshes,
    failures,
    locks,
    failing,

    async get(domain) {
      if (failing.reads) throw new StoreAway("get");
      return policies.get(domain);
    },
    async put(known, refreshAt) {
      if (failing.writes) throw new StoreAway("put");
      policies.set(known.domain, known);
      refreshes.set(known.domain, refreshAt);
      failures.delete(known.domain);
    },
    async failure(domain) {
      if (failing.reads) throw new StoreAway("failure");
      return failures.get(domain);
    },
    async putFailure(domain, failure) {
      if (failing.writes) throw new StoreAway("putFailure");
      failures.set(domain, failure);
    },
    async lockFetch(domain, ttlMs) {
      if (failing.locks) throw new StoreAway("lockFetch");
      const until = locks.get(domain);
      if (until !== undefined && Date.now() < until) return undefined;
      const mine = Date.now() + ttlMs;
      locks.set(domain, mine);
      return {
        release: async () => {
          if (locks.get(domain) === mine) locks.delete(domain);
        },
      };
    },
    async takeDue(now, retryAt, most) {
      if (failing.reads) throw new StoreAway("takeDue");
      const due = [...refreshes].filter(([, at]) => at <= now).sort(([, a], [, b]) => a - b);
      const taken = due.slice(0, most).map(([domain]) => domain);
      for (const domain of taken) refreshes.set(domain, retryAt);
      return taken;
    },
  };
}

class StoreAway extends Error {
  code = "STORE_AWAY";
  constructor(command: string) {
    super(`the store is away: ${command}`);
  }
}
