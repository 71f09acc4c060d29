/**
 * What the world sees of a domain of ours at this moment: record, policy file,
 * mail hosts. Asks, and judges nothing.
 * RFC 8461 sections 3 and 4.2, RFC 8460 section 3.
 */
import type { SecureContext } from "node:tls";
import { type CheckedAddresses, checkedAddresses } from "../dns/checked-addresses.ts";
import type { AddressGuard } from "../dns/address-guard.ts";
import type { Domain, Resolver } from "../dns/answer.ts";
import type { RecordAnswer } from "../mta-sts/decision.ts";
import type { FetchPolicy } from "../mta-sts/policy-fetch.ts";
import { askRecord } from "../mta-sts/record-question.ts";
import type { OpenOptions, OpenResult, SessionLimits, SessionTarget } from "../smtp/session.ts";
import { readReportRecords, type ReportRecord, reportRecordName } from "../tlsrpt/record.ts";
import { judge } from "../tls/verdict.ts";

export type LookParts = {
  dns: Resolver;
  guard: AddressGuard;
  fetchPolicy: FetchPolicy;
  openSession: (target: SessionTarget, options: OpenOptions) => Promise<OpenResult>;
  /** The one for what must be verified. */
  secureContext: SecureContext;
  /** Our own name, for EHLO. */
  hostname: string;
  /** Of mail hosts. */
  port: number;
  ipv6: boolean;
  limits: SessionLimits;
  now: () => number;
};

export type LiveDomain = {
  record: RecordAnswer;
  /** Asked for with or without a record. */
  fetched: Awaited<ReturnType<FetchPolicy>>;
  reports: ReportRecord | { kind: "unknown"; detail: string };
  hosts: LiveHosts;
};

export type LiveHosts = { kind: "hosts"; hosts: LiveHost[] } | { kind: "unknown"; detail: string };

export type LiveHost = { name: Domain; proofs: HostProof[] };

/** What one address of a host proved to one who asks for verified TLS; or the host, when it has no address. */
export type HostProof =
  | { address?: string; verified: true; tls: string }
  | { address?: string; verified: false; detail: string };

const MOST_HOSTS = 20;
const MOST_ADDRESSES = 8;

/** Past every cache. Rejects only when `signal` ends it, with its reason. */
export async function lookAt(parts: LookParts, domain: Domain, signal: AbortSignal): Promise<LiveDomain> {
  const [record, fetched, reports, hosts] = await Promise.all([
    askRecord(parts.dns, domain, { fresh: true, signal }),
    parts.fetchPolicy(domain, signal),
    askReports(parts.dns, domain, signal),
    lookAtHosts(parts, domain, signal),
  ]);
  signal.throwIfAborted();
  return { record, fetched, reports, hosts };
}

async function askReports(dns: Resolver, domain: Domain, signal: AbortSignal): Promise<LiveDomain["reports"]> {
  const answer = await dns.txt(reportRecordName(domain), { fresh: true, signal });
  if (answer.kind === "unknown") return { kind: "unknown", detail: answer.detail };
  return answer.kind === "found" ? readReportRecords(answer.records) : { kind: "absent" };
}

/** Each host of the MX records, since senders may come to each. RFC 5321 section 5.1. */
async function lookAtHosts(parts: LookParts, domain: Domain, signal: AbortSignal): Promise<LiveHosts> {
  const answer = await parts.dns.mx(domain, { fresh: true, signal });
  if (answer.kind === "unknown") {
    return { kind: "unknown", detail: `the MX records of ${domain} could not be looked up: ${answer.detail}` };
  }
  if (answer.kind === "absent" && answer.status === "nxdomain") {
    return { kind: "unknown", detail: `the DNS says that ${domain} does not exist` };
  }
  const exchanges = answer.kind === "found" ? answer.records.map(({ exchange }) => exchange) : [domain];
  const names = [...new Set(exchanges)].filter((name) => name !== "").slice(0, MOST_HOSTS);
  return { kind: "hosts", hosts: await Promise.all(names.map((name) => lookAtHost(parts, name, signal))) };
}

async function lookAtHost(parts: LookParts, name: Domain, signal: AbortSignal): Promise<LiveHost> {
  const found: CheckedAddresses = await checkedAddresses(name, parts, signal);
  if (found.kind === "none") return { name, proofs: [{ verified: false, detail: found.detail }] };
  const usable = found.addresses.filter(({ family }) => parts.ipv6 || family === 4).slice(0, MOST_ADDRESSES);
  if (usable.length === 0) return { name, proofs: [{ verified: false, detail: "it has IPv6 addresses only" }] };
  const proofs = usable.map(async ({ address }) => ({ address, ...(await proofOf(parts, name, address, signal)) }));
  return { name, proofs: await Promise.all(proofs) };
}

/** Ends the session before any mail command. */
async function proofOf(parts: LookParts, host: Domain, address: string, signal: AbortSignal): Promise<HostProof> {
  const { secureContext, hostname, limits, port } = parts;
  const options = { starttls: "require", secureContext, hostname, limits, signal } as const;
  const opened = await parts.openSession({ host, address, port }, options);
  if (opened.kind === "failed") return { verified: false, detail: opened.failure.detail };
  const { session } = opened;
  session.quit();
  const verdict = judge({ tls: "verified" }, session.facts, parts.now());
  if (verdict.kind === "fallsShort") return { verified: false, detail: verdict.reason };
  return { verified: true, tls: session.facts.secured ? session.facts.protocol : "" };
}
