/**
 * The MTA-STS policies of the world, as the relay sees them: joins DNS, HTTPS,
 * store and memory. RFC 8461 sections 3 and 5.1.
 */
import type { Domain, Resolver } from "../dns/answer.ts";
import type { PolicyEvent, PolicyStore } from "./answer.ts";
import type { FetchPolicy } from "./policy-fetch.ts";
import { createPolicyLookup, type PolicyLookup } from "./policy-lookup.ts";
import { createPolicyMemory } from "./policy-memory.ts";
import { refreshDuePolicies, refreshPolicy } from "./policy-refresh.ts";
import { createRenewal } from "./policy-renewal.ts";

export type PolicySource = {
  answer: PolicyLookup;
  /** Fetches anew, whatever the record id says. When that fails, what is cached stays, and an event tells. */
  refresh(domain: Domain, signal?: AbortSignal): Promise<void>;
  /**
   * Refreshes the policies in force whose time has come; gives the number of
   * domains that were looked at. Rejects when the store is away.
   */
  refreshDue(signal?: AbortSignal): Promise<number>;
};

export type PolicySourceParts = {
  dns: Resolver;
  store: PolicyStore;
  fetchPolicy: FetchPolicy;
  now: () => number;
  /** In [0, 1). */
  random: () => number;
  report: (event: PolicyEvent) => void;
  /** How often a policy is fetched anew, mail or no mail. Default: a day. */
  refreshEveryMs?: number;
  /** How long one process may hold the right to fetch: longer than a fetch may take. Default: 75,000. */
  fetchLockMs?: number;
  /** How often a process that waits for another's fetch looks. Default: 75. */
  pollMs?: number;
  /** Refreshes at a time. Default: 8. */
  refreshConcurrency?: number;
  /** The end of the relay: ends every fetch, also those whose askers have gone. */
  signal?: AbortSignal;
};

export function createPolicySource(parts: PolicySourceParts): PolicySource {
  const { fetchLockMs = 75_000, pollMs = 75, refreshConcurrency: concurrency = 8 } = parts;
  const memory = createPolicyMemory(parts);
  const renew = createRenewal({ ...parts, memory, fetchLockMs, pollMs });
  const refreshing = { ...parts, memory, renew, concurrency };
  return {
    answer: createPolicyLookup({ ...parts, memory, renew }),
    refresh: (domain, signal) => refreshPolicy(refreshing, domain, signal),
    refreshDue: (signal) => refreshDuePolicies(refreshing, signal),
  };
}
