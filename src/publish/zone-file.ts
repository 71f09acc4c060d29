/**
 * Records as lines of a zone file. RFC 1035 section 5.1.
 */
import type { DnsRecord } from "./records.ts";

/** One line each, columns aligned, absolute names. Nothing for no records. */
export function zoneLines(records: DnsRecord[]): string[] {
  const names = records.map(({ name }) => `${name}.`);
  const width = Math.max(0, ...names.map((name) => name.length));
  return records.map(({ type, ttlSeconds, ...record }, index) => {
    const ttl = String(ttlSeconds).padEnd(5);
    return `${(names[index] ?? "").padEnd(width)} ${ttl} IN ${type.padEnd(5)} ${dataOf({ type, ...record })}`;
  });
}

function dataOf({ type, value }: Pick<DnsRecord, "type" | "value">): string {
  if (type === "TXT") return characterStrings(value).map(quoted).join(" ");
  return type === "CNAME" ? `${value}.` : value;
}

/** Of at most 255 bytes each; the text is ASCII. Readers join them with nothing between. RFC 1035 section 3.3. */
function characterStrings(text: string): string[] {
  return text.match(/.{1,255}/gs) ?? [""];
}

const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, (sign) => `\\${sign}`)}"`;
