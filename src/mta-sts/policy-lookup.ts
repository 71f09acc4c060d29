/**
 * What is known of a domain's policy at the moment mail needs it. The rules are
 * in decision.ts; this walks them. RFC 8461 sections 3.3, 3.4 and 5.1.
 */
import type { Domain, Resolver } from "../dns/answer.ts";
import { toDomain } from "../dns/name.ts";
import type { KnownPolicy, PolicyAnswer, PolicyEvent } from "./answer.ts";
import { decide, withoutFetch, type RecordAnswer } from "./decision.ts";
import { fetchError } from "./fetch-failure.ts";
import { isInForce } from "./freshness.ts";
import { createOncePer } from "./once-per.ts";
import type { PolicyMemory } from "./policy-memory.ts";
import type { Renewal, Wanted } from "./policy-renewal.ts";
import { policyHost } from "./record.ts";
import { askRecord } from "./record-question.ts";
import { untilAborted } from "./until-aborted.ts";

export type AnswerOptions = {
  /**
   * Asks the DNS past its cache, and fetches a newer policy without regard to
   * the pause after a failure: for the moment before a message is given up, which
   * must not happen for a policy that was replaced. RFC 8461 section 5.
   */
  fresh?: boolean;
  /** Ends the waiting: the answer is then a rejection with the signal's reason. */
  signal?: AbortSignal;
};

export type PolicyLookup = (domain: Domain, options?: AnswerOptions) => Promise<PolicyAnswer>;

export type PolicyLookupParts = {
  dns: Resolver;
  memory: PolicyMemory;
  renew: (wanted: Wanted) => Promise<Renewal>;
  now: () => number;
  report: (event: PolicyEvent) => void;
};

/** Looks anew when another process fetched for another record id meanwhile. */
const MOST_ROUNDS = 4;
const HOUR_MS = 3_600_000;

export function createPolicyLookup(parts: PolicyLookupParts): PolicyLookup {
  // Seen with every message, told once an hour.
  const tellNow = createOncePer(HOUR_MS, parts.now);
  const tellUnusable = (domain: Domain, { detail }: { detail: string }, cached: KnownPolicy | undefined) => {
    if (tellNow(`${domain} ${detail}`)) parts.report({ kind: "record-unusable", domain, detail, cached });
  };
  const tellGone = (domain: Domain, cached: KnownPolicy | undefined) => {
    if (cached !== undefined && tellNow(domain)) parts.report({ kind: "record-gone", domain, cached });
  };

  return async (asked, { fresh = false, signal } = {}) => {
    const domain = toDomain(asked);
    if (domain === undefined) return { kind: "none", because: "not-a-domain", detail: "not a domain name" };
    const quick = fresh ? undefined : await withoutTheStore(parts, domain, signal);
    if (quick !== undefined) return quick;
    let known: KnownPolicy | undefined;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const askOptions = { fresh: fresh && round === 0, ...(signal && { signal }) };
      const [recalled, record] = await Promise.all([
        parts.memory.recall(domain),
        askRecord(parts.dns, domain, askOptions),
      ]);
      // Not "no policy": the store may hold one that is in force.
      if (recalled.kind === "unavailable") return { kind: "unknown", why: "store", detail: "the policy store is away" };
      ({ known } = recalled);
      if (record.kind === "unusable") tellUnusable(domain, record, inForce(known, parts.now()));
      if (record.kind === "absent") tellGone(domain, inForce(known, parts.now()));
      const answer = await follow(parts, { domain, known, record, fresh: askOptions.fresh }, signal);
      if (answer !== "again") return answer;
    }
    const failure = fetchError(policyHost(domain), "its record changes faster than it can be followed");
    return withoutFetch(inForce(known, parts.now()), failure);
  };
}

/**
 * Mail comes in bursts: when the store was asked a moment ago, and the DNS (from
 * its cache) says the same as then, there is nothing to ask it.
 */
async function withoutTheStore(
  { dns, memory, now }: PolicyLookupParts,
  domain: Domain,
  signal: AbortSignal | undefined,
): Promise<PolicyAnswer | undefined> {
  const lately = memory.lately(domain);
  if (lately === undefined) return undefined;
  const record = await askRecord(dns, domain, { ...(signal && { signal }) });
  const known = inForce(lately.known, now());
  const isSame = record.kind === "record" ? record.id === known?.id : record.kind === "absent" && known === undefined;
  if (!isSame) return undefined;
  const answer = decide(known, record, undefined, now());
  return answer.kind === "fetch" ? undefined : answer;
}

type Seen = { domain: Domain; known: KnownPolicy | undefined; record: RecordAnswer; fresh: boolean };

/** Decides, and fetches if that is the decision; `again` when what was fetched is of another record id. */
async function follow(
  { memory, renew, now }: PolicyLookupParts,
  { domain, known, record, fresh }: Seen,
  signal: AbortSignal | undefined,
): Promise<PolicyAnswer | "again"> {
  const wish = decide(known, record, undefined, now());
  if (wish.kind !== "fetch") return wish;
  // Only where there is something to fetch is the pause looked up.
  const failure = await memory.failure(domain);
  const pauseCounts = !fresh || inForce(known, now()) === undefined;
  const decision = pauseCounts ? decide(known, record, failure, now()) : wish;
  if (decision.kind !== "fetch") return decision;

  const { id } = decision;
  const renewal = await untilAborted(renew({ domain, id, known, failure, occasion: "delivery" }), signal);
  switch (renewal.kind) {
    case "renewed":
      if (renewal.known.id !== id) return "again";
      return { kind: "policy", known: renewal.known, recordChecked: "fetched" };
    case "failed":
      return renewal.failure.id === id ? withoutFetch(inForce(known, now()), renewal.failure) : "again";
  }
}

const inForce = (known: KnownPolicy | undefined, now: number) =>
  known !== undefined && isInForce(known, now) ? known : undefined;
