/**
 * The relay's policies, to be looked at: what a check learns stays with the
 * check. So it sees what a delivery would see, and changes nothing of it.
 */
import type { Domain } from "../dns/answer.ts";
import type { KnownFailure, KnownPolicy, PolicyStore } from "../mta-sts/answer.ts";

export type PolicyReader = Pick<PolicyStore, "get" | "failure">;

/** @param behind `undefined`: a relay that knows nothing */
export function createReadOnlyStore(behind: PolicyReader | undefined): PolicyStore {
  const policies = new Map<Domain, KnownPolicy>();
  const failures = new Map<Domain, KnownFailure>();
  return {
    get: async (domain) => policies.get(domain) ?? (await behind?.get(domain)),
    async put(known) {
      policies.set(known.domain, known);
    },
    failure: async (domain) => failures.get(domain) ?? (await behind?.failure(domain)),
    async putFailure(domain, failure) {
      failures.set(domain, failure);
    },
    // Another process that is fetching the policy is not waited for.
    lockFetch: async () => ({ release: async () => undefined }),
    takeDue: async () => [],
  };
}
