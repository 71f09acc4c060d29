/**
 * What a new session with an MX host is in the TLS report: a success under the
 * domain's policy, or a failure of some type. RFC 8460 sections 4.2 and 4.3,
 * RFC 8461 section 6.
 */
import type { Domain } from "../dns/answer.ts";
import type { PolicyAnswer } from "../mta-sts/answer.ts";
import type { Contact } from "../smtp/session.ts";
import type { HostRequirement } from "../tls/requirement.ts";
import { type HandshakeFacts, judge } from "../tls/verdict.ts";
import { type FailureDetail, NO_POLICY, type SessionResult, stsPolicy } from "../tlsrpt/result.ts";

/** A host as an attempt met it, before it is decided what to do about it. Not for sessions kept from earlier. */
export type HostMet = {
  host: Domain;
  requirement: HostRequirement;
  /** Absent when it was refused before connecting. */
  address?: string;
  facts?: HandshakeFacts;
  contact?: Contact;
};

/** `undefined`: nothing that concerns the domain. */
export function sessionResult(
  domain: Domain,
  answer: PolicyAnswer,
  met: HostMet,
  at: number,
): SessionResult | undefined {
  const policy = answer.kind === "policy" ? stsPolicy(answer.known) : NO_POLICY;
  // There is a record, and no policy could be had for it: whatever TLS was used, it was not what the domain asked for.
  if (answer.kind === "none" && answer.failure !== undefined) {
    const { resultType, detail: reason } = answer.failure;
    return { at, domain, policy, failure: { resultType, reason } };
  }
  const failure = failureOf(met, at);
  if (failure === "ours") return undefined;
  return failure === undefined ? { at, domain, policy } : { at, domain, policy, failure };
}

/** `ours`: the operator's rule stands in the way, not the domain. */
function failureOf(
  { host, requirement, address, facts, contact }: HostMet,
  at: number,
): FailureDetail | "ours" | undefined {
  if (requirement.kind === "refuse") {
    if (requirement.authority.by !== "mta-sts") return "ours";
    const { resultType, reason } = requirement.shortfall;
    return { resultType, receivingMxHostname: host, reason };
  }
  if (facts === undefined) return "ours";
  // Without a policy a session is as it should be when it is encrypted, whoever the host is.
  const demand = requirement.tls === "optional" ? ({ tls: "encrypted" } as const) : requirement;
  const verdict = judge(demand, facts, at);
  if (verdict.kind === "meets") return undefined;
  return {
    resultType: verdict.resultType,
    receivingMxHostname: host,
    ...(address === undefined ? {} : { receivingIp: address }),
    ...(contact?.localAddress === undefined ? {} : { sendingMtaIp: contact.localAddress }),
    ...(contact?.helo === undefined ? {} : { receivingMxHelo: contact.helo }),
    reason: verdict.reason,
  };
}
