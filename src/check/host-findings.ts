/**
 * The mail hosts, one by one: whether the policy lists them, and what each of
 * their addresses is worth. RFC 8461 section 4.1.
 */
import type { Policy, PolicyMode } from "../mta-sts/answer.ts";
import { permits } from "../mta-sts/policy.ts";
import type { HostRequirement } from "../tls/requirement.ts";
import { type AddressNote, type Asked, noteOn } from "./address-note.ts";
import type { HostFacts } from "./facts.ts";
import { type Finding, finding, type Severity, worstOf } from "./finding.ts";
import { day, durationWords, list } from "./words.ts";

const WARN_BEFORE_END_MS = 14 * 86_400_000;

/** @param policy the one that is published, or else the one that is cached: what the hosts are measured by */
export function hostFindings(hosts: HostFacts[], policy: Policy | undefined, now: number): Finding[] {
  const mode = policy?.mode ?? "none";
  return [
    ...hosts.flatMap((host) => {
      const hasOthers = hosts.some((other) => other !== host && isReached(other));
      const found = [...listing(host, policy), ...addressFindings(host, mode, hasOthers ? "warning" : "error", now)];
      return found.map((each) => ({ ...each, host: host.name }));
    }),
    ...unusedPatterns(hosts, policy),
  ];
}

const isReached = ({ addresses }: HostFacts) => addresses.some(({ proof }) => proof.kind === "judged");

function listing({ name, requirement }: HostFacts, policy: Policy | undefined): Finding[] {
  if (policy === undefined || policy.mode === "none" || permits(policy, name)) return [];
  const asked = askedOf(requirement, policy.mode);
  const says = `${name} is not listed in the policy${asked === "enforced" ? ", so nothing is sent to it" : ""}`;
  const todo = `Add "mx: ${name}" to the policy and give the record a new id; or take the host out of the MX records.`;
  return [finding("hosts", severityOf(asked, policy.mode), "mx-not-listed", says, todo)];
}

/** A pattern without a host does no harm; it may be a spelling error, or a host that is kept for bad days. */
function unusedPatterns(hosts: HostFacts[], policy: Policy | undefined): Finding[] {
  if (policy === undefined || policy.mode === "none" || hosts.length === 0) return [];
  const unused = policy.mx.filter((pattern) => !hosts.some(({ name }) => permits({ ...policy, mx: [pattern] }, name)));
  if (unused.length === 0) return [];
  const says = `listed in the policy, and no mail host of the domain: ${list(unused)}`;
  return [finding("hosts", "info", "pattern-unused", says)];
}

/** @param loss how much it matters when this host cannot be reached at all */
function addressFindings(host: HostFacts, mode: PolicyMode, loss: Severity, now: number): Finding[] {
  if (host.noAddress !== undefined) {
    const todo = "Give it an address, or take it out of the MX records.";
    return [finding("hosts", loss, "host-without-address", host.noAddress, todo)];
  }
  const asked = askedOf(host.requirement, mode);
  const shortfall = severityOf(asked, mode);
  // Addresses that fare alike are one finding.
  const groups = new Map<string, { note: AddressNote; addresses: string[] }>();
  for (const address of host.addresses) {
    const note = noteOn(address, host, { asked, shortfall, loss });
    const key = `${note.code} ${note.says}`;
    const group = groups.get(key) ?? { note, addresses: [] };
    group.addresses.push(address.address);
    groups.set(key, group);
  }
  const ends = new Set(host.addresses.map(certificateEnd).filter((endsAt) => endsAt !== undefined));
  return [
    ...[...groups.values()].map(({ note: { severity, code, says, todo }, addresses }) =>
      finding("hosts", severity, code, `${host.name} at ${list(addresses)}: ${says}`, todo),
    ),
    ...[...ends].flatMap((endsAt) => endsSoon(host.name, endsAt, now)),
  ];
}

/** What a shortfall leads to here: by the requirement that a delivery would have, or else by the policy. */
function askedOf(requirement: HostRequirement | undefined, mode: PolicyMode): Asked {
  if (requirement === undefined) return BY_MODE[mode];
  if (requirement.kind === "refuse") return "enforced";
  if (requirement.reportOnly) return "reported";
  return requirement.tls === "verified" ? "enforced" : "nothing";
}

const BY_MODE = { enforce: "enforced", testing: "reported", none: "nothing" } as const;

/** Also where this relay asks for less, other senders go by the policy. */
function severityOf(asked: Asked, mode: PolicyMode): Severity {
  return worstOf([SEVERITY[asked], SEVERITY[BY_MODE[mode]]]);
}

const SEVERITY: Record<Asked, Severity> = { enforced: "error", reported: "warning", nothing: "info" };

/** Of a certificate that is good today. */
function certificateEnd({ proof }: HostFacts["addresses"][number]): number | undefined {
  if (proof.kind !== "judged" || proof.verdict.kind !== "meets") return undefined;
  return proof.facts.secured ? proof.facts.certificate?.expiresAt : undefined;
}

function endsSoon(host: string, endsAt: number, now: number): Finding[] {
  if (endsAt - now >= WARN_BEFORE_END_MS) return [];
  const says = `the certificate of ${host} ends in ${durationWords(endsAt - now)}, on ${day(endsAt)}`;
  const todo = "Renew it; see that this happens by itself.";
  return [finding("hosts", "warning", "certificate-ends-soon", says, todo)];
}
