/**
 * The `_smtp._tls` TXT record: where a domain wants its TLS reports.
 * RFC 8460 section 3.
 */
import type { Domain } from "../dns/answer.ts";
import { toDomain } from "../dns/name.ts";

/** Where a report goes. `uri` is as published, and names the destination in the relay's books. */
export type ReportDestination =
  | { kind: "mailto"; uri: string; address: string }
  | { kind: "https"; uri: string; url: URL };

export type ReportRecord =
  /** At least one destination. */
  | { kind: "record"; destinations: ReportDestination[] }
  /** Nothing that claims to be such a record: no report is wanted. */
  | { kind: "absent" }
  /** Something does, but no destination comes of it. */
  | { kind: "unusable"; detail: string };

export const reportRecordName = (domain: Domain): Domain => `_smtp._tls.${domain}`;

/** A record could name a thousand mailboxes of others. */
const MOST_DESTINATIONS = 10;
const LONGEST_URI = 2048;

/**
 * Reads all TXT records of the name, each with its strings joined. Those that
 * do not begin with `v=TLSRPTv1;` are discarded, and there must be one left.
 */
export function readReportRecords(txts: string[]): ReportRecord {
  const claims = txts.filter((txt) => /^v=TLSRPTv1[ \t]*;/.test(txt));
  const [only] = claims;
  if (only === undefined) return { kind: "absent" };
  if (claims.length > 1) return { kind: "unusable", detail: `${claims.length} TLSRPT records, there must be one` };
  // The first `rua`; fields that are not known are passed over.
  const field = only
    .split(";")
    .slice(1)
    .map(withoutBlanks)
    .find((part) => part.startsWith("rua="));
  if (field === undefined) return { kind: "unusable", detail: "no rua" };
  const uris = field.slice("rua=".length).split(",").map(withoutBlanks);
  const destinations = uris.slice(0, MOST_DESTINATIONS).flatMap((uri) => readDestination(uri) ?? []);
  const known = new Map(destinations.map((each) => [each.uri, each]));
  if (known.size === 0) return { kind: "unusable", detail: "rua names no mailbox and no https address" };
  return { kind: "record", destinations: [...known.values()] };
}

/** `undefined` for other schemes, and for what is none. */
function readDestination(uri: string): ReportDestination | undefined {
  if (uri.length > LONGEST_URI || !/^[\x21-\x7E]+$/.test(uri)) return undefined;
  if (/^mailto:/i.test(uri)) return mailbox(uri);
  return /^https:\/\//i.test(uri) ? endpoint(uri) : undefined;
}

/** RFC 6068. What follows `?` would put fields into the report's header: it is not looked at. */
function mailbox(uri: string): ReportDestination | undefined {
  const address = percentDecoded(uri.slice("mailto:".length).split("?")[0] ?? "");
  const at = address?.lastIndexOf("@") ?? -1;
  if (address === undefined || at < 1 || at > 64) return undefined;
  const domain = toDomain(address.slice(at + 1));
  const local = address.slice(0, at);
  // No quoted local parts, no UTF-8: the report must reach any host.
  if (domain === undefined || !/^[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*$/.test(local)) return undefined;
  return { kind: "mailto", uri, address: `${local}@${domain}` };
}

function endpoint(uri: string): ReportDestination | undefined {
  const url = URL.parse(uri);
  if (url === null || url.protocol !== "https:" || url.hostname === "") return undefined;
  // A password in a public record is somebody's trap or mistake.
  if (url.username !== "" || url.password !== "") return undefined;
  url.hash = "";
  return { kind: "https", uri, url };
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Not trim(), which takes more than spaces and tabs. */
function withoutBlanks(part: string): string {
  let [start, end] = [0, part.length];
  while (isBlank(part[start])) start++;
  while (end > start && isBlank(part[end - 1])) end--;
  return part.slice(start, end);
}

const isBlank = (character: string | undefined) => character === " " || character === "\t";
