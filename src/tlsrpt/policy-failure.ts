/**
 * A policy that could not be fetched anew while an older one is in force: that
 * is reported by itself, since the sessions under the older one are what they
 * are. RFC 8461 section 6 and section 10.2, RFC 8460 section 4.3.2.
 */
import type { FetchFailure, KnownPolicy, PolicyEvent } from "../mta-sts/answer.ts";
import { type SessionResult, stsPolicy } from "./result.ts";

/** `undefined`: no such thing. Without a policy in force each session tells of the failure. */
export function policyFailure(event: PolicyEvent, at: number): SessionResult | undefined {
  if (event.kind !== "fetch-failed" && event.kind !== "refresh-failed") return undefined;
  return resultOf(event.cached, event.failure, at);
}

function resultOf(
  cached: KnownPolicy | undefined,
  failure: FetchFailure | undefined,
  at: number,
): SessionResult | undefined {
  // RFC 8461 section 10.2: a failure about a policy in mode "none" is no news.
  if (cached === undefined || failure === undefined || cached.policy.mode === "none") return undefined;
  const { resultType, detail: reason } = failure;
  return { at, domain: cached.domain, policy: stsPolicy(cached), failure: { resultType, reason } };
}
