/**
 * What holds for a domain's mail, from all that is known at this moment: its
 * policy, none, not known; or that a policy is to be fetched first.
 * RFC 8461 sections 3.3 and 5.1.
 */
import type { FetchFailure, KnownFailure, KnownPolicy, PolicyAnswer } from "./answer.ts";
import { isInForce } from "./freshness.ts";
import type { RecordReading } from "./record.ts";

/** What the DNS said about the TXT record; `unknown` is not `absent`. */
export type RecordAnswer = RecordReading | { kind: "unknown"; detail: string };

export type Decision =
  | PolicyAnswer
  /** The policy published under this record id is wanted. */
  | { kind: "fetch"; id: string };

/**
 * @param known the policy in the cache, in force or expired
 * @param failure the newest failed fetch for this domain
 */
export function decide(
  known: KnownPolicy | undefined,
  record: RecordAnswer,
  failure: KnownFailure | undefined,
  now: number,
): Decision {
  const inForce = known !== undefined && isInForce(known, now) ? known : undefined;
  if (record.kind === "record") return decideById(inForce, record.id, failure, now);
  // A record that cannot be had, or is no good, must not undo a policy: an
  // attacker who hides it would switch the protection off. RFC 8461 section 3.1.
  if (inForce !== undefined) {
    const recordChecked = record.kind === "unknown" ? "could-not-ask" : "unavailable";
    return { kind: "policy", known: inForce, recordChecked };
  }
  switch (record.kind) {
    case "absent":
      return { kind: "none", because: "no-record", detail: "no MTA-STS record" };
    case "unusable":
      return { kind: "none", because: "bad-record", detail: record.detail };
    case "unknown":
      return { kind: "unknown", why: "dns", detail: record.detail };
  }
}

function decideById(
  inForce: KnownPolicy | undefined,
  id: string,
  failure: KnownFailure | undefined,
  now: number,
): Decision {
  if (inForce?.id === id) return { kind: "policy", known: inForce, recordChecked: "same" };
  // The pause holds for the id that failed; another one may be its mending.
  if (failure?.id === id && now < failure.retryAt) return withoutFetch(inForce, failure);
  return { kind: "fetch", id };
}

/** A fetch failed, now or a short while ago: the policy in force stays, or there is none. RFC 8461 section 5.1. */
export function withoutFetch(inForce: KnownPolicy | undefined, { resultType, detail }: FetchFailure): PolicyAnswer {
  const failure = { resultType, detail };
  if (inForce === undefined) return { kind: "none", because: "fetch-failed", detail, failure };
  return { kind: "policy", known: inForce, recordChecked: "changed-fetch-failed", failure };
}
