/**
 * The report as JSON, and its name. RFC 8460 sections 4.4 and 5.1; I-JSON is
 * RFC 7493.
 */
import { createHash } from "node:crypto";
import type { Domain } from "../dns/answer.ts";
import { type Day, DAY_MS, startOf } from "./day.ts";
import type { AppliedPolicy, FailureDetail } from "./result.ts";

/** What was counted under one policy on one day. */
export type PolicyResults = {
  policy: AppliedPolicy;
  successful: number;
  failed: number;
  failures: { detail: FailureDetail; count: number }[];
};

export type Reporter = {
  organization: string;
  /** A mail address or a URL, for those who have a question. */
  contact: string;
  /** The mail domain that reports. */
  submitter: Domain;
};

export type TlsReport = {
  "organization-name": string;
  "date-range": { "start-datetime": string; "end-datetime": string };
  "contact-info": string;
  "report-id": string;
  policies: ReportedPolicy[];
};

type ReportedPolicy = {
  policy: { "policy-type": string; "policy-string"?: string[]; "policy-domain": Domain; "mx-host"?: Domain[] };
  summary: { "total-successful-session-count": number; "total-failure-session-count": number };
  "failure-details": ReportedFailure[];
};

type ReportedFailure = {
  "result-type": string;
  "sending-mta-ip"?: string;
  "receiving-mx-hostname"?: string;
  "receiving-mx-helo"?: string;
  "receiving-ip"?: string;
  "failed-session-count": number;
  "failure-reason-code"?: string;
};

export function buildReport(reporter: Reporter, day: Day, domain: Domain, results: PolicyResults[]): TlsReport {
  return {
    "organization-name": reporter.organization,
    "date-range": { "start-datetime": `${day}T00:00:00Z`, "end-datetime": `${day}T23:59:59Z` },
    "contact-info": reporter.contact,
    "report-id": reportId(reporter, day, domain),
    policies: results.map((each) => reportedPolicy(domain, each)),
  };
}

function reportedPolicy(domain: Domain, { policy, successful, failed, failures }: PolicyResults): ReportedPolicy {
  return {
    policy: {
      "policy-type": policy.type,
      ...(policy.type === "no-policy-found" || policy.strings.length === 0 ? {} : { "policy-string": policy.strings }),
      "policy-domain": domain,
      ...(policy.type === "no-policy-found" || policy.mxHosts.length === 0 ? {} : { "mx-host": policy.mxHosts }),
    },
    summary: { "total-successful-session-count": successful, "total-failure-session-count": failed },
    "failure-details": failures.map(({ detail, count }) => reportedFailure(detail, count)),
  };
}

function reportedFailure(detail: FailureDetail, count: number): ReportedFailure {
  const { resultType, sendingMtaIp, receivingMxHostname, receivingMxHelo, receivingIp, reason } = detail;
  return {
    "result-type": resultType,
    ...(sendingMtaIp === undefined ? {} : { "sending-mta-ip": sendingMtaIp }),
    ...(receivingMxHostname === undefined ? {} : { "receiving-mx-hostname": receivingMxHostname }),
    ...(receivingMxHelo === undefined ? {} : { "receiving-mx-helo": receivingMxHelo }),
    ...(receivingIp === undefined ? {} : { "receiving-ip": receivingIp }),
    "failed-session-count": count,
    ...(reason === undefined ? {} : { "failure-reason-code": reason }),
  };
}

/** Follows from submitter, domain and day: the same report, made again, has the same id, and a receiver knows it. */
export const reportId = (reporter: Reporter, day: Day, domain: Domain): string =>
  `${uniqueId(reporter, day, domain)}@${reporter.submitter}`;

function uniqueId({ submitter }: Reporter, day: Day, domain: Domain): string {
  const digest = createHash("sha256").update(`${submitter} ${day} ${domain}`).digest("hex");
  return `${day.replaceAll("-", "")}${digest.slice(0, 16)}`;
}

/** `sender!policy-domain!begin!end!unique-id.json.gz`. RFC 8460 section 5.1. */
export function reportFileName(reporter: Reporter, day: Day, domain: Domain): string {
  const begin = startOf(day) / 1000;
  const end = begin + DAY_MS / 1000 - 1;
  return `${reporter.submitter}!${domain}!${begin}!${end}!${uniqueId(reporter, day, domain)}.json.gz`;
}
