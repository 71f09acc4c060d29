/**
 * Whether the domain's owner hears of failures. RFC 8460 section 3.
 */
import { reportRecordName } from "../tlsrpt/record.ts";
import type { PolicyFacts } from "./facts.ts";
import { type Finding, finding, type Severity } from "./finding.ts";
import { list } from "./words.ts";

export function reportFindings({ domain, reports, record, fetch }: PolicyFacts): Finding[] {
  const name = reportRecordName(domain);
  const example = `Publish a TXT record at ${name}, like "v=TLSRPTv1; rua=mailto:tls-reports@${domain}".`;
  switch (reports.kind) {
    case "record":
      return [found(`${name} asks for TLS reports to ${list(reports.destinations.map(({ uri }) => uri))}`)];
    case "unusable":
      return [finding("reports", "warning", "tlsrpt-unusable", `${name} is not usable: ${reports.detail}`, example)];
    case "unknown":
      return [finding("reports", "info", "tlsrpt-unknown", `${name} could not be asked for: ${reports.detail}`)];
    case "absent": {
      if (record.kind !== "record") return [];
      // Testing mode is for the reports.
      const severity: Severity = fetch.kind === "fetched" && fetch.policy.mode === "testing" ? "warning" : "info";
      const says = `there is no TLSRPT record at ${name}: senders cannot tell the domain of failures`;
      return [finding("reports", severity, "tlsrpt-missing", says, example)];
    }
  }
}

const found = (says: string) => finding("reports", "ok", "tlsrpt-found", says);
