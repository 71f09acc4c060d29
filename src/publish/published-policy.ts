/**
 * The policy of a domain of ours, as it goes out: its text, and the `id` that
 * announces it. RFC 8461 sections 3.1 and 3.2.
 */
import { createHash } from "node:crypto";
import type { Domain } from "../dns/answer.ts";
import type { Policy, PolicyMode } from "../mta-sts/answer.ts";
import { formatPolicy } from "../mta-sts/policy-text.ts";

/** What the operator wants to publish for one domain. */
export type Publication = {
  domain: Domain;
  mode: PolicyMode;
  maxAgeSeconds: number;
  /** `dns`: the hosts of the domain's MX records. */
  mx: "dns" | Domain[];
};

export type PublishedPolicy = {
  domain: Domain;
  policy: Policy;
  text: string;
  /** For the `_mta-sts` record. */
  id: string;
};

/**
 * @param hosts in no order: they are sorted, so that neither the order of a DNS
 * answer nor that of a list makes a new policy. Mode `none` lists none of them.
 */
export function publishedPolicy(publication: Publication, hosts: Domain[]): PublishedPolicy {
  const { domain, mode, maxAgeSeconds } = publication;
  const policy: Policy = { mode, mx: mode === "none" ? [] : [...new Set(hosts)].sort(), maxAgeSeconds };
  const text = formatPolicy(policy);
  return { domain, policy, text, id: policyId(text) };
}

/** As many as an `id` may have: 128 bits of the hash. RFC 8461 section 3.1. */
const ID_LENGTH = 32;

/**
 * Made from the content: senders that know an id do not look at the file again,
 * so a changed policy under the id of the old one would not reach them.
 */
export function policyId(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, ID_LENGTH);
}
