/**
 * The mail hosts, one by one: whether the policy lists them, whether they can
 * be reached, and what they proved. RFC 8461 sections 4.1 and 4.2.
 */
import type { Policy, PolicyMode } from "../mta-sts/answer.ts";
import { permits } from "../mta-sts/policy.ts";
import { NO_ROUTE } from "../smtp/failure.ts";
import type { ResultType, Shortfall } from "../tls/verdict.ts";
import type { AddressFacts, HostFacts, Proof } from "./facts.ts";
import { type Finding, finding, type Severity } from "./finding.ts";
import { day, durationWords, list } from "./words.ts";

const WARN_BEFORE_END_MS = 14 * 86_400_000;

/** @param policy the one that is published, or else the one that is cached: what the hosts are measured by */
export function hostFindings(hosts: HostFacts[], policy: Policy | undefined, now: number): Finding[] {
  const mode = policy?.mode ?? "none";
  const others = (host: HostFacts) => hosts.some((other) => other !== host && isReached(other));
  return [
    ...hosts.flatMap((host) => [...listing(host, policy), ...findingsOf(host, mode, others(host), now)]),
    ...unusedPatterns(hosts, policy),
  ];
}

const isReached = ({ addresses }: HostFacts) => addresses.some(({ proof }) => proof.kind === "judged");

function listing({ name }: HostFacts, policy: Policy | undefined): Finding[] {
  if (policy === undefined || policy.mode === "none" || permits(policy, name)) return [];
  return [
    finding(
      "hosts",
      severityUnder(policy.mode),
      "mx-not-listed",
      `${name} is not listed in the policy${policy.mode === "enforce" ? ", so nothing is sent to it" : ""}`,
      `Add "mx: ${name}" to the policy and give the record a new id; or take the host out of the MX records.`,
    ),
  ];
}

/** A pattern without a host does no harm; it may be a spelling error, or a host that is kept for bad days. */
function unusedPatterns(hosts: HostFacts[], policy: Policy | undefined): Finding[] {
  if (policy === undefined || policy.mode === "none" || hosts.length === 0) return [];
  const unused = policy.mx.filter((pattern) => !hosts.some(({ name }) => permits({ ...policy, mx: [pattern] }, name)));
  if (unused.length === 0) return [];
  return [
    finding("hosts", "info", "pattern-unused", `listed in the policy, and no mail host of the domain: ${list(unused)}`),
  ];
}

function severityUnder(mode: PolicyMode): Severity {
  if (mode === "enforce") return "error";
  return mode === "testing" ? "warning" : "info";
}

function findingsOf(host: HostFacts, mode: PolicyMode, others: boolean, now: number): Finding[] {
  const loss: Severity = others ? "warning" : "error";
  if (host.noAddress !== undefined) {
    return [
      finding(
        "hosts",
        loss,
        "host-without-address",
        host.noAddress,
        "Give it an address, or take it out of the MX records.",
      ),
    ];
  }
  // Addresses that fare alike are one finding.
  const groups = new Map<string, { seen: Seen; addresses: string[] }>();
  for (const { address, family, proof } of host.addresses) {
    const seen = see(host, { family, proof }, { mode, loss, now });
    const key = `${seen.code} ${seen.says}`;
    const group = groups.get(key) ?? { seen, addresses: [] };
    group.addresses.push(address);
    groups.set(key, group);
  }
  return [...groups.values()].flatMap(({ seen, addresses }) => {
    const { severity, code, says, todo } = seen;
    const main = finding("hosts", severity, code, `${host.name} at ${list(addresses)}: ${says}`, todo);
    return seen.endsAt === undefined ? [main] : [main, endsSoon(host.name, seen.endsAt, now)];
  });
}

type Seen = Pick<Finding, "severity" | "code" | "says" | "todo"> & {
  /** The certificate ends soon. */
  endsAt?: number;
};

type Measure = { mode: PolicyMode; loss: Severity; now: number };

function see(host: HostFacts, { family, proof }: Pick<AddressFacts, "family" | "proof">, measure: Measure): Seen {
  switch (proof.kind) {
    case "not-allowed":
      return {
        severity: measure.loss,
        code: "address-not-allowed",
        says: proof.why,
        todo: "Publish a public address. (For a network of your own: network.allow.)",
      };
    case "failed":
      return unreached(host, family, proof, measure);
    case "judged":
      return proof.verdict.kind === "meets" ? proved(proof, measure) : fellShort(proof.verdict, measure);
  }
}

function unreached(host: HostFacts, family: 4 | 6, { failure }: Proof & { kind: "failed" }, { loss }: Measure): Seen {
  const says = failure.detail;
  if (failure.phase !== "connect") {
    return {
      severity: loss,
      code: "host-refuses",
      says,
      todo: "Look at the host's log: it may have something against this machine's address or name.",
    };
  }
  if (family === 6 && says === NO_ROUTE) {
    return {
      severity: "info",
      code: "no-ipv6-here",
      says: "this machine has no way to IPv6 addresses, so it was not looked at",
    };
  }
  if (family === 6 && host.addresses.some((other) => other.family === 4 && other.proof.kind === "judged")) {
    return {
      severity: "warning",
      code: "aaaa-without-service",
      says: `${says}; every sender with IPv6 tries this address first`,
      todo: "Have the host listen on its IPv6 address, or take the AAAA record away.",
    };
  }
  return {
    severity: loss,
    code: "host-unreachable",
    says,
    todo: "See that the host listens. If no host anywhere can be reached, outgoing port 25 is closed here.",
  };
}

function proved({ facts }: Proof & { kind: "judged" }, { now }: Measure): Seen {
  const certificate = facts.secured ? facts.certificate : undefined;
  const until = certificate?.expiresAt;
  const words = facts.secured ? `${facts.protocol}, certificate of ${certificate?.issuer ?? "an unnamed issuer"}` : "";
  return {
    severity: "ok",
    code: "host-verified",
    says: until === undefined ? words : `${words}, good until ${day(until)}`,
    ...(until !== undefined && until - now < WARN_BEFORE_END_MS ? { endsAt: until } : {}),
  };
}

function endsSoon(host: string, endsAt: number, now: number): Finding {
  const says = `the certificate of ${host} ends in ${durationWords(endsAt - now)}, on ${day(endsAt)}`;
  return finding("hosts", "warning", "certificate-ends-soon", says, "Renew it; see that this happens by itself.");
}

function fellShort({ resultType, reason }: Shortfall, { mode }: Measure): Seen {
  const withoutPolicy = resultType === "starttls-not-supported" ? "warning" : "info";
  const consequence =
    mode === "enforce"
      ? "; nothing is sent to it"
      : mode === "testing"
        ? "; under enforce nothing would be sent to it"
        : resultType === "starttls-not-supported"
          ? "; mail to it goes in the clear"
          : "; no policy asks for more, so mail goes to it all the same";
  return {
    severity: mode === "none" ? withoutPolicy : severityUnder(mode),
    code: resultType,
    says: `${reason}${consequence}`,
    todo: REMEDIES[resultType],
  };
}

const REMEDIES: Record<ResultType, string> = {
  "starttls-not-supported":
    "Have the host offer STARTTLS. If it does, something between here and there takes the offer away.",
  "certificate-host-mismatch": "Give the host a certificate with its MX name as a dNSName.",
  "certificate-expired": "Renew the certificate; see that this happens by itself.",
  "certificate-not-trusted": "Give the host a certificate from a public authority, sent with its intermediates.",
  "validation-failure": "Look at the host's TLS: it must speak TLS 1.2 or later, with nothing meddling on the way.",
};
