/**
 * dns-packet's records to the relay's own. Pure.
 */
import type { Answer } from "dns-packet";
import type { Address, DnsAnswer, MxRecord } from "./answer.ts";
import { toQueryName } from "./name.ts";

/** The answer with its records read by `read`; the other answers as they are. */
export function withRecords<T>(answer: DnsAnswer<Answer>, read: (record: Answer) => T[]): DnsAnswer<T> {
  return answer.kind === "found" ? { ...answer, records: answer.records.flatMap(read) } : answer;
}

/** RFC 8461 section 3.1: the character-strings are joined with nothing between them. */
export function readTxt(record: Answer): string[] {
  if (record.type !== "TXT") return [];
  const parts = Array.isArray(record.data) ? record.data : [record.data];
  return [parts.map((part) => (typeof part === "string" ? part : part.toString("latin1"))).join("")];
}

/**
 * An exchange that is no host name (an IP address, say) stays in the list: left
 * out, a domain with nothing else would look as if it had no MX, and its own
 * address would get the mail. It has no addresses, as `Resolver.addresses` says
 * of every such name. RFC 5321 section 5.1.
 */
export function readMx(record: Answer): MxRecord[] {
  if (record.type !== "MX") return [];
  const { preference = 0, exchange } = record.data;
  return [{ preference, exchange: exchange === "." ? "" : (toQueryName(exchange) ?? printable(exchange)) }];
}

export function readAddress(record: Answer): Address[] {
  if (record.type === "A") return [{ address: record.data, family: 4 }];
  if (record.type === "AAAA") return [{ address: record.data, family: 6 }];
  return [];
}

/** A label may hold any byte, and this text reaches logs and bounces. RFC 1035 section 5.1: `\DDD`. */
const printable = (name: string) =>
  name
    .toLowerCase()
    .replaceAll(/[^!-~]/gu, (sign) =>
      [...Buffer.from(sign)].map((byte) => `\\${String(byte).padStart(3, "0")}`).join(""),
    );
