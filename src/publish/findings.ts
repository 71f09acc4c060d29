/**
 * What is live, against what should be. Values in, values out.
 * RFC 8461 sections 3.1 (the id), 3.2, 4.1 and 8.
 */
import type { Domain } from "../dns/answer.ts";
import { parsePolicy, permits } from "../mta-sts/policy.ts";
import { policyHost, recordName } from "../mta-sts/record.ts";
import { readReportRecords, reportRecordName } from "../tlsrpt/record.ts";
import { formatReportRecord } from "../tlsrpt/record-text.ts";
import type { LiveDomain, LiveHost } from "./live.ts";
import type { PublishedPolicy } from "./published-policy.ts";

export type Finding = {
  about: "record" | "policy" | "mx" | "reports";
  /** `wrong`: what is live is not what should be, or a host does not go with `enforce`. `doubt`: it could come to that. */
  kind: "ok" | "doubt" | "wrong";
  /** In plain words. */
  says: string;
  /** What to do. Absent where nothing needs to be done. */
  todo?: string;
};

export type Wanted = {
  published: PublishedPolicy;
  /** The hosts come from the DNS. */
  fromDns: boolean;
  /** URIs. */
  reportsTo: string[];
};

/** @param strict a mail host that fails makes `enforce` wrong, not doubtful */
export function findingsOf(wanted: Wanted, live: LiveDomain, strict: boolean): Finding[] {
  return [
    ...policyFindings(wanted, live),
    recordFinding(wanted.published, live),
    ...hostFindings(wanted, live, strict),
    ...reportFindings(wanted, live),
  ];
}

function recordFinding({ domain, id }: PublishedPolicy, { record }: LiveDomain): Finding {
  const name = recordName(domain);
  const set = `Set it to "v=STSv1; id=${id};", after the policy itself is served.`;
  switch (record.kind) {
    case "record":
      return record.id === id
        ? ok("record", `${name} announces this policy, id ${id}`)
        : wrong(
            "record",
            `${name} has id ${record.id}, and this policy's is ${id}: senders that know the old one do not look for the new one`,
            set,
          );
    case "absent":
      return wrong("record", `there is no record at ${name}: senders do not look for the policy`, set);
    case "unusable":
      return wrong("record", `the record at ${name} is not usable: ${record.detail}`, set);
    case "unknown":
      return wrong("record", record.detail, `Look at the name servers of ${domain}.`);
  }
}

function policyFindings({ published }: Wanted, { fetched, record }: LiveDomain): Finding[] {
  const host = policyHost(published.domain);
  if (fetched.kind === "failed") {
    return [wrong("policy", fetched.failure.detail, `See that ${host} serves the policy over HTTPS, from everywhere.`)];
  }
  if (fetched.text === published.text) return [ok("policy", `${host} serves this policy`)];
  const difference = differenceOf(published, fetched.text);
  if (difference === undefined) return [ok("policy", `${host} serves this policy, in other words`)];
  const announced = record.kind === "record" && record.id === published.id;
  const trap = announced ? ", and under the new id: senders that fetch it now keep the old policy as the new one" : "";
  return [
    wrong(
      "policy",
      `${host} serves another policy (${difference})${trap}`,
      "Serve the new policy first, then set the record. Where this relay serves it, restart the relay.",
    ),
  ];
}

/** `undefined`: to a sender, both are the same. */
function differenceOf({ policy: wanted }: PublishedPolicy, text: string): string | undefined {
  const reading = parsePolicy(text);
  if (reading.kind === "invalid") return reading.detail;
  const { policy } = reading;
  const differences = [
    policy.mode !== wanted.mode && `mode ${policy.mode}, not ${wanted.mode}`,
    policy.maxAgeSeconds !== wanted.maxAgeSeconds && `max_age ${policy.maxAgeSeconds}, not ${wanted.maxAgeSeconds}`,
    listOf(policy.mx) !== listOf(wanted.mx) && `mx ${listOf(policy.mx)}, not ${listOf(wanted.mx)}`,
  ].filter((difference) => difference !== false);
  return differences.length === 0 ? undefined : differences.join("; ");
}

const listOf = (hosts: Domain[]) => (hosts.length === 0 ? "none" : [...new Set(hosts)].sort().join(" "));

function hostFindings({ published, fromDns }: Wanted, { hosts }: LiveDomain, strict: boolean): Finding[] {
  const { policy } = published;
  // Nothing is asked of any host.
  if (policy.mode === "none") return [];
  const bad = policy.mode === "enforce" && strict ? wrong : doubt;
  if (hosts.kind === "unknown") return [bad("mx", hosts.detail, "Look at the name servers of the domain.")];
  const unused = policy.mx.filter(
    (pattern) => !hosts.hosts.some(({ name }) => permits({ ...policy, mx: [pattern] }, name)),
  );
  return [
    ...hosts.hosts.flatMap((host) => hostFinding(host, published, bad)),
    ...unused.map((pattern) => doubt("mx", `the policy lists ${pattern}, and no MX record leads there`)),
    ...(fromDns && policy.mode === "enforce" ? [orderOfChange()] : []),
  ];
}

function hostFinding({ name, proofs }: LiveHost, { policy }: PublishedPolicy, bad: typeof wrong): Finding[] {
  const without =
    policy.mode === "enforce" ? "senders that enforce the policy do not" : "under enforce, senders would not";
  if (!permits(policy, name)) {
    return [
      bad(
        "mx",
        `${name} is an MX host and not in the policy: ${without} deliver to it`,
        `Add ${name} to publish.domains.`,
      ),
    ];
  }
  return proofs.map((proof) => {
    const where = proof.address === undefined ? name : `${name} (${proof.address})`;
    return proof.verified
      ? ok("mx", `${where} proves its name, ${proof.tls}`)
      : bad("mx", `${where}: ${proof.detail}: ${without} deliver to it`, HOST_TODO);
  });
}

const HOST_TODO =
  "Let the host offer STARTTLS with TLS 1.2 or later, and a certificate of a public authority that names it.";

/** RFC 8461 section 8.1: who knows the old policy refuses a host that only the new one lists. */
const orderOfChange = () =>
  doubt(
    "mx",
    "the policy takes its hosts from the DNS: a host that is new there is refused by senders that keep the policy from before",
    "Under enforce, list the hosts in publish.domains, and a new one a max_age before its MX record.",
  );

function reportFindings({ published, reportsTo }: Wanted, { reports }: LiveDomain): Finding[] {
  const name = reportRecordName(published.domain);
  const todo = "`sts-relay publish records` shows the record.";
  switch (reports.kind) {
    case "record": {
      const live = reports.destinations.map(({ uri }) => uri);
      const missing = urisIn(reportsTo).filter((uri) => !live.includes(uri));
      if (missing.length === 0) return [ok("reports", `${name} asks for reports to ${live.join(", ")}`)];
      return [doubt("reports", `${name} does not ask for reports to ${missing.join(", ")}`, todo)];
    }
    case "absent":
      return [
        doubt(
          "reports",
          `there is no record at ${name}: senders cannot tell of failures`,
          reportsTo.length === 0 ? "Set publish.reportsTo; `sts-relay publish records` then shows the record." : todo,
        ),
      ];
    case "unusable":
    case "unknown":
      return [doubt("reports", `${name}: ${reports.detail}`, todo)];
  }
}

/** As they stand in a record. */
function urisIn(reportsTo: string[]): string[] {
  const record = readReportRecords([formatReportRecord(reportsTo)]);
  return record.kind === "record" ? record.destinations.map(({ uri }) => uri) : [];
}

const ok = (about: Finding["about"], says: string): Finding => ({ about, kind: "ok", says });

const doubt = (about: Finding["about"], says: string, todo?: string): Finding => ({
  about,
  kind: "doubt",
  says,
  ...(todo === undefined ? {} : { todo }),
});

const wrong = (about: Finding["about"], says: string, todo?: string): Finding => ({
  ...doubt(about, says, todo),
  kind: "wrong",
});
