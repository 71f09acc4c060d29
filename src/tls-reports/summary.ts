/** A TLS report in plain words: the part of the mail for people, and what the command line shows. */
import type { TlsReport } from "../tlsrpt/report.ts";

const MOST_FAILURES = 20;

/** Lines end in LF. */
export function summarise(report: TlsReport): string {
  const range = report["date-range"];
  const domain = report.policies[0]?.policy["policy-domain"] ?? "";
  return [
    `This is a TLS report (RFC 8460) on mail that ${report["organization-name"]} sent to ${domain}`,
    `from ${range["start-datetime"]} to ${range["end-datetime"]}.`,
    "",
    ...report.policies.flatMap(policyLines),
    `Questions: ${report["contact-info"]}`,
    "",
  ].join("\n");
}

function policyLines({ policy, summary, "failure-details": failures }: TlsReport["policies"][number]): string[] {
  const good = summary["total-successful-session-count"];
  const bad = summary["total-failure-session-count"];
  const shown = failures.slice(0, MOST_FAILURES).map((failure) => {
    const host = failure["receiving-mx-hostname"];
    const reason = failure["failure-reason-code"];
    const where = host === undefined ? "" : ` at ${host}`;
    return `  ${failure["failed-session-count"]} x ${failure["result-type"]}${where}${reason === undefined ? "" : `: ${reason}`}`;
  });
  const rest = failures.length - shown.length;
  return [
    `${policyWords(policy["policy-type"])}: ${good} sessions as they should be, ${bad} not.`,
    ...shown,
    ...(rest > 0 ? [`  and ${rest} more kinds of failure: see the attached report`] : []),
    "",
  ];
}

function policyWords(type: string): string {
  if (type === "sts") return "Under the MTA-STS policy";
  return type === "tlsa" ? "Under TLSA records (DANE)" : "Without a policy";
}
