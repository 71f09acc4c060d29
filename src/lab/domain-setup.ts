/**
 * How a domain of the lab is set up, as a value: its MX hosts, its record, its
 * policy. What is left out is as in a domain that does everything right.
 */
import type { CertificateKind } from "./certificate-kind.ts";
import type { LabDnsBehaviour } from "./dns-server.ts";
import type { MxBehaviour } from "./mx-behaviour.ts";
import type { PolicyHostBehaviour } from "./policy-host.ts";

export type DomainSetup = {
  name: string;
  /** Default: one good host. */
  mx?: MxSetup[];
  /** `none`: the domain is its own MX host (RFC 5321 section 5.1). `null`: it takes no mail (RFC 7505). Default: one for each host. */
  mxRecords?: "each" | "none" | "null";
  /** The MTA-STS policy and the host that serves it. Absent: no such host. */
  policy?: PolicySetup;
  /** The `_mta-sts` TXT record. Default: a good one if there is a policy, else none. */
  record?: RecordSetup;
};

export type MxSetup = {
  /** Default: `mx.` and the domain; `mx1.`, `mx2.` … where there are several; the domain itself without MX records. */
  name?: string;
  behaviour?: MxBehaviour;
  /** Default: `good`. */
  certificate?: CertificateKind;
  /** A man in the middle stands before it and strips STARTTLS. */
  stripped?: boolean;
  /** Nobody listens at its address. */
  closed?: boolean;
  /** It has the address `::1` too, if this machine has it. */
  ipv6?: boolean;
};

export type PolicySetup = Partial<PolicyHostBehaviour> & {
  /** Default: `enforce`. */
  mode?: "enforce" | "testing" | "none";
  /** Default: the names of the domain's MX hosts. */
  mx?: string[];
  /** Default: a day. */
  maxAgeSeconds?: number;
  /** What `mta-sts.` resolves to, in the place of the lab's policy host. `closed`: where nobody listens. */
  address?: string;
};

export type RecordSetup = {
  /** Default: `1`. */
  id?: string;
  /** In the place of the ordinary record: each record in its character-strings. */
  records?: string[][];
  /** The record lies at another name, which this one is an alias of. RFC 8461 section 8.2. */
  alias?: string;
  behaviour?: LabDnsBehaviour;
};

/** The hosts in order of preference, each with its name. */
export function namedHosts(setup: DomainSetup): (MxSetup & { name: string })[] {
  const hosts = setup.mx ?? [{}];
  return hosts.map((host, index) => ({ ...host, name: host.name ?? defaultName(setup, hosts.length, index) }));
}

function defaultName({ name, mxRecords }: DomainSetup, count: number, index: number): string {
  if (mxRecords === "none") return name;
  return count === 1 ? `mx.${name}` : `mx${index + 1}.${name}`;
}

/** The policy file, unless the set-up gives its text. RFC 8461 section 3.2. */
export function policyText(setup: DomainSetup, policy: PolicySetup): string {
  if (policy.text !== undefined) return policy.text;
  const { mode = "enforce", mx = namedHosts(setup).map(({ name }) => name), maxAgeSeconds = 86_400 } = policy;
  const lines = ["version: STSv1", `mode: ${mode}`, ...mx.map((host) => `mx: ${host}`), `max_age: ${maxAgeSeconds}`];
  return `${lines.join("\r\n")}\r\n`;
}

/** The TXT records at `_mta-sts`, each in its character-strings. Empty: there are none. */
export function txtRecords({ policy, record }: DomainSetup): string[][] {
  if (policy === undefined && record === undefined) return [];
  return record?.records ?? [[`v=STSv1; id=${record?.id ?? "1"};`]];
}
