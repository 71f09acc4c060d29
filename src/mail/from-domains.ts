/**
 * The domains that a message says it is from: those a signature vouches for.
 * RFC 5322 section 3.6.2.
 */
import addressparser from "nodemailer/lib/addressparser";
import type { Domain } from "../dns/answer.ts";
import { toDomain } from "../dns/name.ts";
import type { Head } from "./head.ts";

/**
 * Each once, as A-labels. Of all From fields and all their addresses: which one
 * a reader is shown depends on the reader.
 */
export function fromDomains(head: Head): Domain[] {
  const domains = head.fields
    .filter(({ name }) => name.toLowerCase() === "from")
    .flatMap(({ value }) => addressparser(value, { flatten: true }))
    .map(({ address }) => toDomain(address.slice(address.lastIndexOf("@") + 1)))
    .filter((domain) => domain !== undefined);
  return [...new Set(domains)];
}
