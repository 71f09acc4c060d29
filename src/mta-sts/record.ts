/**
 * The `_mta-sts` TXT record: which of a name's records is the live one, and
 * its `id`. RFC 8461 section 3.1.
 */
import type { Domain } from "../dns/answer.ts";

/** What a name's TXT records say. */
export type RecordReading =
  /** The one live record. `id` is compared letter for letter. */
  | { kind: "record"; id: string }
  /** Nothing that claims to be an MTA-STS record. */
  | { kind: "absent" }
  /** Something does, but no live record comes of it. */
  | { kind: "unusable"; detail: string };

export const recordName = (domain: Domain): Domain => `_mta-sts.${domain}`;

/** Where the policy of a domain is served. RFC 8461 section 3.2. */
export const policyHost = (domain: Domain): Domain => `mta-sts.${domain}`;

const PLAIN = /^v=STSv1;/;
const SPACED = /^v=STSv1[ \t]+;/;
const FIELD = /^(?<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,31})=(?<value>[\x21-\x3A\x3C\x3E-\x7E]+)$/;
const ID = /^[A-Za-z0-9]{1,32}$/;

/**
 * Reads all TXT records of `_mta-sts.<domain>`, each with its strings joined.
 * Records are counted before their syntax is looked at: a second record makes
 * the first useless also when one of the two is malformed.
 */
export function readRecords(txts: string[]): RecordReading {
  const claims = claimsOf(txts);
  const [only] = claims;
  if (only === undefined) return { kind: "absent" };
  if (claims.length > 1) return { kind: "unusable", detail: `${claims.length} MTA-STS records, there must be one` };
  return readRecord(only);
}

// The prose of RFC 8461 section 3.1 keeps what begins with `v=STSv1;`; its
// ABNF allows white space before the semicolon too. Such a record counts only
// where it competes with no plain one: a reader by the prose alone must not
// see one record where we see two.
function claimsOf(txts: string[]): string[] {
  const plain = txts.filter((txt) => PLAIN.test(txt));
  return plain.length > 0 ? plain : txts.filter((txt) => SPACED.test(txt));
}

function readRecord(txt: string): RecordReading {
  const parts = txt.split(";").slice(1).map(withoutBlanks);
  // The last delimiter may have nothing behind it.
  if (parts.at(-1) === "") parts.pop();
  let id: string | undefined;
  for (const part of parts) {
    const { name, value } = FIELD.exec(part)?.groups ?? {};
    if (name === undefined || value === undefined) {
      return { kind: "unusable", detail: `field ${JSON.stringify(part)} is not "name=value"` };
    }
    // Of a duplicated field the first counts, whatever the later one holds.
    if (name === "id") id ??= value;
  }
  if (id === undefined) return { kind: "unusable", detail: "no id" };
  if (!ID.test(id)) return { kind: "unusable", detail: `id ${JSON.stringify(id)} is not 1 to 32 letters and digits` };
  return { kind: "record", id };
}

// Not trim(), which takes more than spaces and tabs; not a pattern for both
// ends at once, which takes time quadratic in a run of spaces.
function withoutBlanks(part: string): string {
  let [start, end] = [0, part.length];
  while (isBlank(part[start])) start++;
  while (end > start && isBlank(part[end - 1])) end--;
  return part.slice(start, end);
}

const isBlank = (character: string | undefined) => character === " " || character === "\t";
