/**
 * The DNS records that a domain of ours needs for its policy. Values only.
 * RFC 8461 section 3.1 (`_mta-sts`), section 3.3 (the policy host), RFC 8460 section 3 (`_smtp._tls`).
 */
import { isIPv6 } from "node:net";
import type { Domain } from "../dns/answer.ts";
import { policyHost, recordName } from "../mta-sts/record.ts";
import { reportRecordName } from "../tlsrpt/record.ts";
import { formatReportRecord } from "../tlsrpt/record-text.ts";

export type DnsRecord = {
  name: Domain;
  type: "TXT" | "CNAME" | "A" | "AAAA";
  ttlSeconds: number;
  /** A TXT record's text in one piece; a CNAME's target without a dot at its end. */
  value: string;
};

/** What serves the policies, as the DNS names it. */
export type PolicyHostPlace = { name: Domain } | { addresses: string[] };

export type RecordsFor = {
  domain: Domain;
  id: string;
  reachedAt: PolicyHostPlace;
  /** URIs. Empty: no `_smtp._tls` record. */
  reportsTo: string[];
};

/** A new id is to be seen soon. */
const ID_TTL_SECONDS = 300;
const TTL_SECONDS = 3600;

export function recordsFor({ domain, id, reachedAt, reportsTo }: RecordsFor): DnsRecord[] {
  const records: DnsRecord[] = [
    { name: recordName(domain), type: "TXT", ttlSeconds: ID_TTL_SECONDS, value: `v=STSv1; id=${id};` },
    ...placeRecords(policyHost(domain), reachedAt),
  ];
  if (reportsTo.length === 0) return records;
  const value = formatReportRecord(reportsTo);
  return [...records, { name: reportRecordName(domain), type: "TXT", ttlSeconds: TTL_SECONDS, value }];
}

function placeRecords(name: Domain, place: PolicyHostPlace): DnsRecord[] {
  if ("name" in place) {
    // A name cannot be an alias of itself: then its addresses are in the DNS already, or nothing is.
    return place.name === name ? [] : [{ name, type: "CNAME", ttlSeconds: TTL_SECONDS, value: place.name }];
  }
  return place.addresses.map((value) => ({
    name,
    type: isIPv6(value) ? "AAAA" : "A",
    ttlSeconds: TTL_SECONDS,
    value,
  }));
}
