/**
 * Looks at a domain as a delivery would, one step further at every point: what
 * it publishes, what is cached of it, and each address of each of its hosts.
 */
import { makePlan, type Plan } from "../delivery/plan.ts";
import type { DomainRule } from "../delivery/domain-rules.ts";
import type { RouteHost } from "../delivery/route.ts";
import { addressesOf, targetOf, type WalkParts } from "../delivery/walk.ts";
import type { Address, Domain, Resolver } from "../dns/answer.ts";
import type { FetchPolicy } from "../mta-sts/policy-fetch.ts";
import { createPolicySource } from "../mta-sts/policy-source.ts";
import { policyHost, recordName } from "../mta-sts/record.ts";
import { askRecord } from "../mta-sts/record-question.ts";
import { readReportRecords, reportRecordName } from "../tlsrpt/record.ts";
import type { AddressFacts, CachedPolicy, DomainFacts, HostFacts, PolicyFacts } from "./facts.ts";
import { probe, type ProbeParts } from "./probe.ts";
import { createReadOnlyStore, type PolicyReader } from "./read-only-store.ts";

export type CollectParts = ProbeParts &
  Pick<WalkParts, "guard" | "sourceAddress" | "ipv6"> & {
    dns: Resolver;
    fetchPolicy: FetchPolicy;
    /** Port of MX hosts. */
    port: number;
    ruleOf: (domain: Domain) => DomainRule;
    /** What the relay has cached, or why that cannot be asked. */
    cache: PolicyReader | { away: string };
  };

/** Hosts looked at at one time. */
const HOSTS_AT_A_TIME = 5;

/** Rejects only when `signal` ends it, with the signal's reason. */
export async function collectFacts(parts: CollectParts, domain: Domain, signal: AbortSignal): Promise<DomainFacts> {
  const rule = parts.ruleOf(domain);
  // One fetch serves both questions: what is published, and what a delivery would go by.
  const fetchPolicy = rememberFetches(parts.fetchPolicy);
  const plan = await planNow({ ...parts, fetchPolicy }, domain, rule, signal);
  signal.throwIfAborted();
  const { route } = plan;
  const policyDomain = route.kind === "hosts" ? route.policyDomain : domain;
  const [policy, hosts] = await Promise.all([
    policyDomain === undefined ? undefined : policyFacts({ ...parts, fetchPolicy }, policyDomain, signal),
    route.kind === "hosts" ? hostFacts(parts, route.hosts, plan, signal) : [],
  ]);
  signal.throwIfAborted();
  return {
    domain,
    checkedAt: parts.now(),
    rule,
    route,
    hosts,
    ...(policy === undefined ? {} : { policy }),
    ...(plan.answer === undefined ? {} : { answer: plan.answer }),
    ...(plan.kind === "ended" ? { ended: plan.outcome } : {}),
  };
}

/** What a message handed in at this moment would go by. */
function planNow(parts: CollectParts, domain: Domain, rule: DomainRule, signal: AbortSignal): Promise<Plan> {
  const { dns, port, cache, fetchPolicy, now } = parts;
  const policies = createPolicySource({
    dns,
    fetchPolicy,
    now,
    signal,
    store: createReadOnlyStore("away" in cache ? undefined : cache),
    random: () => 0,
    // Nothing happens to the relay by this.
    report: () => undefined,
  });
  // Hosts of one preference in the order in which the DNS gives them.
  const planParts = { dns, policies, port, random: () => 0 };
  return makePlan(planParts, { domain, rule, waitedMs: 0, fresh: false, signal });
}

function rememberFetches(fetchPolicy: FetchPolicy): FetchPolicy {
  const fetches = new Map<Domain, ReturnType<FetchPolicy>>();
  return (domain, signal) => {
    const fetch = fetches.get(domain) ?? fetchPolicy(domain, signal);
    fetches.set(domain, fetch);
    return fetch;
  };
}

async function policyFacts(parts: CollectParts, domain: Domain, signal: AbortSignal): Promise<PolicyFacts> {
  const { dns, fetchPolicy } = parts;
  const host = policyHost(domain);
  const [texts, record, fetch, addresses, cached, reports] = await Promise.all([
    dns.txt(recordName(domain), { signal }),
    askRecord(dns, domain, { signal }),
    fetchPolicy(domain, signal),
    dns.addresses(host, { signal }),
    readCache(parts, domain),
    askReports(dns, domain, signal),
  ]);
  return {
    domain,
    texts: texts.kind === "found" ? texts.records : [],
    record,
    fetch,
    cached,
    reports,
    ...(addresses.kind === "found" && addresses.name !== host ? { alias: addresses.name } : {}),
  };
}

async function askReports(dns: Resolver, domain: Domain, signal: AbortSignal): Promise<PolicyFacts["reports"]> {
  const answer = await dns.txt(reportRecordName(domain), { signal });
  switch (answer.kind) {
    case "found":
      return readReportRecords(answer.records);
    case "absent":
      return { kind: "absent" };
    case "unknown":
      return answer;
  }
}

async function readCache({ cache }: CollectParts, domain: Domain): Promise<CachedPolicy> {
  if ("away" in cache) return { kind: "away", why: cache.away };
  try {
    const known = await cache.get(domain);
    return known === undefined ? { kind: "none" } : { kind: "known", known };
  } catch (error) {
    return { kind: "away", why: error instanceof Error ? error.message : String(error) };
  }
}

async function hostFacts(
  parts: CollectParts,
  hosts: RouteHost[],
  plan: Plan,
  signal: AbortSignal,
): Promise<HostFacts[]> {
  const facts: HostFacts[] = [];
  const rest = hosts.entries();
  const worker = async () => {
    for (const [index, host] of rest) facts[index] = await factsOfHost(parts, host, plan, signal);
  };
  await Promise.all(Array.from({ length: HOSTS_AT_A_TIME }, worker));
  return facts;
}

async function factsOfHost(parts: CollectParts, host: RouteHost, plan: Plan, signal: AbortSignal): Promise<HostFacts> {
  const requirement = plan.kind === "walk" ? plan.requirementOf(host) : undefined;
  const about = { name: host.name, ...(requirement === undefined ? {} : { requirement }) };
  const found = await addressesOf(parts, host, { signal });
  signal.throwIfAborted();
  if (found.kind === "none") return { ...about, addresses: [], noAddress: found.deferral.detail };
  const addresses: AddressFacts[] = [];
  // One after the other: many hosts count connections of one client.
  for (const address of found.addresses) {
    addresses.push({ ...address, ...(await factsOfAddress(parts, host, address, about, signal)) });
  }
  return { ...about, addresses };
}

async function factsOfAddress(
  parts: CollectParts,
  host: RouteHost,
  address: Address,
  { requirement }: Pick<HostFacts, "requirement">,
  signal: AbortSignal,
): Promise<Omit<AddressFacts, keyof Address>> {
  const allowed = parts.guard(address.address);
  if (allowed.allowed) return probe(parts, targetOf(parts, host, address), requirement, signal);
  const { why } = allowed;
  return { proof: { kind: "not-allowed", why }, now: { kind: "none", detail: `${host.name}: ${why}` } };
}
