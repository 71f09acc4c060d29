/**
 * What is known of one SMTP session for the TLS report: under which policy it
 * was made, and what was wrong with it. RFC 8460 sections 4.2 and 4.3.
 */
import type { Domain } from "../dns/answer.ts";
import type { FetchFailure, KnownPolicy } from "../mta-sts/answer.ts";
import type { ResultType } from "../tls/verdict.ts";

/** RFC 8460 section 4.3. */
export type ReportedResultType =
  | ResultType
  | FetchFailure["resultType"]
  | "tlsa-invalid"
  | "dnssec-invalid"
  | "dane-required";

/** The policy that was applied. RFC 8460 section 4.4. */
export type AppliedPolicy =
  | { type: "no-policy-found" }
  | {
      type: "sts" | "tlsa";
      /** The lines of the policy file; of DANE each TLSA record in presentation form. Empty: not told. */
      strings: string[];
      /** The patterns of the MTA-STS policy; of DANE the host names. */
      mxHosts: Domain[];
    };

export type FailureDetail = {
  resultType: ReportedResultType;
  sendingMtaIp?: string;
  receivingMxHostname?: Domain;
  /** What the host called itself in its greeting: a stranger's text. */
  receivingMxHelo?: string;
  receivingIp?: string;
  /** In plain words. */
  reason?: string;
};

export type SessionResult = {
  at: number;
  /** The policy domain. */
  domain: Domain;
  policy: AppliedPolicy;
  /** Absent: TLS was negotiated as the policy asks. */
  failure?: FailureDetail;
};

export const NO_POLICY: AppliedPolicy = { type: "no-policy-found" };

/** More policy text than any domain writes: it would be repeated in each day's books. */
const MOST_POLICY_CHARACTERS = 8192;

export function stsPolicy({ policy, text }: KnownPolicy): AppliedPolicy {
  const strings = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (text.length > MOST_POLICY_CHARACTERS) return { type: "sts", strings: [], mxHosts: [] };
  return { type: "sts", strings, mxHosts: policy.mx };
}

const LONGEST_TEXT = 200;

/** Strangers choose some of this text: no control characters, not without end. */
export function tidyDetail(detail: FailureDetail): FailureDetail {
  const { receivingMxHelo, reason, ...rest } = detail;
  return {
    ...rest,
    ...(receivingMxHelo === undefined ? {} : { receivingMxHelo: tidy(receivingMxHelo) }),
    ...(reason === undefined ? {} : { reason: tidy(reason) }),
  };
}

const tidy = (text: string) => text.slice(0, LONGEST_TEXT).replaceAll(/[^\x20-\x7e]/g, "?");
