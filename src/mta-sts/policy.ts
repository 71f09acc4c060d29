/**
 * The MTA-STS policy file: bytes to text to value, and which hosts it permits.
 * RFC 8461 section 3.2 (format), section 4.1 (matching).
 *
 * The text is read by the ABNF, letter for letter: a file that is nearly right
 * is no policy, because half of a policy under `enforce` stops mail. Three
 * things go beyond the ABNF, all of them invisible to who wrote the file:
 * - blank lines are skipped;
 * - one byte-order mark at the very start is skipped: it is the signature of
 *   an encoding (RFC 3629 section 6), put there by an editor, not text. Without
 *   this, the domain's protection would be off and its owner could not see why;
 * - the dot at the end of an mx value is taken off: it names the same host.
 * Not mended: indented lines, comments, other letter case, names in Unicode.
 */
import type { Domain } from "../dns/answer.ts";
import { toDomain } from "../dns/name.ts";
import type { Policy, PolicyMode } from "./answer.ts";

export type PolicyReading =
  | { kind: "policy"; policy: Policy }
  /** What is wrong, and in which line. */
  | { kind: "invalid"; detail: string };

/** RFC 8461 section 3.2: about one year. More is cut down to it (erratum 7282). */
export const MOST_MAX_AGE_SECONDS = 31_557_600;

const BYTE_ORDER_MARK = "\uFEFF";

/** The text of a body, its byte-order mark included; `undefined` when it is not UTF-8. */
export function decodePolicy(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}

export function parsePolicy(text: string): PolicyReading {
  const fields = readFields(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text);
  if (fields.kind === "invalid") return fields;
  const { first, mx } = fields;

  const version = first.get("version");
  if (version === undefined) return invalid("no version");
  if (version.value !== "STSv1") return invalid(`line ${version.line}: version is not STSv1`);

  const mode = first.get("mode");
  if (mode === undefined) return invalid("no mode");
  if (!isMode(mode.value))
    return invalid(`line ${mode.line}: mode ${quoted(mode.value)} is not enforce, testing or none`);

  const maxAge = first.get("max_age");
  if (maxAge === undefined) return invalid("no max_age");
  // Number() alone would also take "1e5", "0x10" and the empty string.
  if (!/^[0-9]{1,10}$/.test(maxAge.value)) {
    return invalid(`line ${maxAge.line}: max_age ${quoted(maxAge.value)} is not a number of 1 to 10 digits`);
  }

  if (mx.length === 0 && mode.value !== "none") return invalid(`no mx, in mode ${mode.value}`);
  const maxAgeSeconds = Math.min(Number(maxAge.value), MOST_MAX_AGE_SECONDS);
  return { kind: "policy", policy: { mode: mode.value, mx, maxAgeSeconds } };
}

/**
 * Whether the policy names this MX host. RFC 8461 section 4.1.
 * `host` is the name in the MX record, in any letter case, with or without the
 * dot at its end. The mode plays no part.
 */
export function permits(policy: Policy, host: Domain): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  const firstDot = name.indexOf(".");
  // A wildcard stands for one whole label, never for none.
  const asWildcard = firstDot > 0 ? `*${name.slice(firstDot)}` : undefined;
  return policy.mx.some((pattern) => pattern === name || pattern === asWildcard);
}

type Field = { value: string; line: number };
type Fields = { kind: "fields"; first: Map<string, Field>; mx: Domain[] };

const SINGLE_FIELDS = new Set(["version", "mode", "max_age"]);
const KEY_THEN_VALUE = /^(?<key>[A-Za-z0-9][A-Za-z0-9_.-]{0,31}):[ \t]*(?<value>.*)$/s;
// Visible characters of any script, with spaces between them.
const EXTENSION_VALUE = /^[!-~\u0080-\u{10FFFF}](?:[ -~\u0080-\u{10FFFF}]*[!-~\u0080-\u{10FFFF}])?$/u;

function readFields(text: string): Fields | { kind: "invalid"; detail: string } {
  const first = new Map<string, Field>();
  const mx: Domain[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const content = withoutTrailingBlanks(raw);
    if (content === "") continue;
    const { key, value } = KEY_THEN_VALUE.exec(content)?.groups ?? {};
    if (key === undefined || value === undefined) return invalid(`line ${line}: not "key: value"`);
    if (key === "mx") {
      const host = toPattern(value);
      if (host === undefined) return invalid(`line ${line}: mx ${quoted(value)} is not a host name`);
      mx.push(host);
    } else if (SINGLE_FIELDS.has(key)) {
      // Of a duplicated field the first counts, whatever the later one holds.
      if (!first.has(key)) first.set(key, { value, line });
    } else if (!EXTENSION_VALUE.test(value)) {
      return invalid(`line ${line}: the value of ${key} is empty or has control characters`);
    }
  }
  return { kind: "fields", first, mx };
}

// Not trimEnd(), which takes a byte-order mark off as well; not /[ \t]+$/, which
// takes seconds for a line with 64 KiB of spaces in its middle.
function withoutTrailingBlanks(line: string): string {
  let end = line.length;
  while (line[end - 1] === " " || line[end - 1] === "\t") end--;
  return line.slice(0, end);
}

/** `*.` and a domain name, or a domain name: as A-labels, since that is how MX records spell it. */
function toPattern(value: string): Domain | undefined {
  const wildcard = value.startsWith("*.");
  const name = wildcard ? value.slice(2) : value;
  if (!/^[A-Za-z0-9.-]+$/.test(name)) return undefined;
  const domain = toDomain(name);
  return domain === undefined || !wildcard ? domain : `*.${domain}`;
}

const isMode = (text: string): text is PolicyMode => text === "enforce" || text === "testing" || text === "none";

const invalid = (detail: string) => ({ kind: "invalid" as const, detail });

/** A stranger's text, short and without control characters, for the log and the report. */
const quoted = (text: string) => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
