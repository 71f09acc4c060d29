/**
 * The result of a check for programs. Names stay the same over releases; times
 * are in ISO 8601.
 */
import { describeRequirement } from "../tls/requirement.ts";
import type { AddressFacts, CachedPolicy, HostFacts, PolicyFacts, Proof } from "./facts.ts";
import type { CheckResult } from "./result.ts";

export function checkAsJson({ domain, checkedAt, severity, fate, findings, facts }: CheckResult) {
  return {
    domain,
    checkedAt: iso(checkedAt),
    severity,
    message: fate,
    findings,
    policy: facts?.policy === undefined ? undefined : policyAsJson(facts.policy),
    hosts: facts?.hosts.map(hostAsJson),
  };
}

const iso = (at: number) => new Date(at).toISOString();

function policyAsJson({ domain, texts, record, fetch, alias, cached, reports }: PolicyFacts) {
  return {
    domain,
    records: texts,
    record,
    fetch: fetch.kind === "fetched" ? { kind: fetch.kind, policy: fetch.policy, text: fetch.text } : fetch,
    policyHostAlias: alias,
    cached: cachedAsJson(cached),
    reports:
      reports.kind === "record" ? { kind: reports.kind, rua: reports.destinations.map(({ uri }) => uri) } : reports,
  };
}

function cachedAsJson(cached: CachedPolicy) {
  if (cached.kind !== "known") return cached;
  const { id, policy, fetchedAt, expiresAt } = cached.known;
  return { kind: cached.kind, id, policy, fetchedAt: iso(fetchedAt), expiresAt: iso(expiresAt) };
}

function hostAsJson({ name, requirement, addresses, noAddress }: HostFacts) {
  return {
    host: name,
    required: requirement === undefined ? undefined : describeRequirement(requirement),
    problem: noAddress,
    addresses: addresses.map(addressAsJson),
  };
}

function addressAsJson({ address, proof, now }: AddressFacts) {
  return { address, proof: proofAsJson(proof), now };
}

function proofAsJson(proof: Proof) {
  if (proof.kind !== "judged") return proof;
  const { verdict, facts } = proof;
  if (!facts.secured || facts.certificate === undefined) return { kind: proof.kind, verdict, facts };
  const { expiresAt, ...certificate } = facts.certificate;
  const dated = { ...certificate, ...(expiresAt === undefined ? {} : { expiresAt: iso(expiresAt) }) };
  return { kind: proof.kind, verdict, facts: { ...facts, certificate: dated } };
}
