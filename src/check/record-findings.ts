/**
 * The `_mta-sts` record and its going together with the policy file: each is
 * worth nothing without the other. RFC 8461 sections 3.1 and 8.3.
 */
import { policyHost, recordName } from "../mta-sts/record.ts";
import type { PolicyFacts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

export function recordFindings(facts: PolicyFacts): Finding[] {
  const { record, domain } = facts;
  const name = recordName(domain);
  switch (record.kind) {
    case "record":
      return [finding("record", "ok", "record-found", `${name} announces a policy, id ${record.id}`)];
    case "unusable":
      return [
        finding(
          "record",
          "error",
          "record-unusable",
          `${name} is not usable, so senders see no policy: ${record.detail}`,
          `Leave exactly one TXT record there, like "v=STSv1; id=20260101T000000;".`,
        ),
      ];
    case "unknown":
      return [
        finding(
          "record",
          "error",
          "record-unknown",
          record.detail,
          `Look at the name servers of ${domain}: new senders cannot tell whether there is a policy.`,
        ),
      ];
    case "absent":
      return absent(facts, name);
  }
}

function absent({ domain, texts, fetch }: PolicyFacts, name: string): Finding[] {
  const ignored = texts.length > 0 ? [notCounted(name, texts)] : [];
  if (fetch.kind === "fetched") {
    const says = `${policyHost(domain)} serves a policy, and no record at ${name} announces it: senders do not look for it`;
    const todo = `Publish a TXT record at ${name}, like "v=STSv1; id=20260101T000000;".`;
    return [...ignored, finding("record", "error", "policy-without-record", says, todo)];
  }
  if (ignored.length > 0) return ignored;
  return [
    finding(
      "record",
      "info",
      "no-mta-sts",
      `${domain} does not take part in MTA-STS: there is no record at ${name}`,
      "Its mail is encrypted where its hosts offer that, and nobody proves who they are.",
    ),
  ];
}

function notCounted(name: string, texts: string[]): Finding {
  const says = `${name} has ${texts.length === 1 ? "a TXT record that does" : "TXT records that do"} not count: ${JSON.stringify(texts[0]?.slice(0, 80))}`;
  return finding("record", "warning", "record-not-counted", says, `It must begin with "v=STSv1;", letter for letter.`);
}
