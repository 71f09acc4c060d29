/**
 * Reads a policy file line by line and says all that is wrong or odd in it.
 * RFC 8461 section 3.2.
 *
 * What is wrong is the parser's word: each line is shown to it in front of a
 * policy that is right, so that whatever it says is about that line.
 */
import { decodePolicy, MOST_MAX_AGE_SECONDS, parsePolicy } from "../mta-sts/policy.ts";
import { maxAgeNote } from "./max-age.ts";
import type { Severity } from "./finding.ts";

export type LineNote = {
  /** Absent for what is about the whole file. */
  line?: number;
  severity: Severity;
  code: string;
  says: string;
};

/** RFC 8461 section 3.3: what senders read at most. */
export const MOST_POLICY_BYTES = 65_536;

const FIELDS = { version: "STSv1", mode: "enforce", mx: "mx.example.com", max_age: "604800" };
type FieldName = keyof typeof FIELDS;
const isField = (key: string): key is FieldName => Object.hasOwn(FIELDS, key);

const GOOD = Object.entries(FIELDS)
  .map(([key, value]) => `${key}: ${value}\n`)
  .join("");

type Line = { number: number; raw: string; key: string; value: string };

/** A file as it lies there. Empty for a policy that has nothing wrong or odd in it. */
export function lintPolicyFile(body: Uint8Array): LineNote[] {
  if (body.length > MOST_POLICY_BYTES)
    return [wrong(undefined, "policy-too-large", `larger than ${MOST_POLICY_BYTES} bytes`)];
  const text = decodePolicy(body);
  if (text === undefined) return [wrong(undefined, "policy-not-utf8", "not UTF-8")];
  const reading = parsePolicy(text);
  const life = reading.kind === "policy" ? maxAgeNote(reading.policy) : undefined;
  const line = linesOf(text).find(({ key }) => key === "max_age")?.number;
  return inOrder([...lintPolicy(text), ...(life === undefined || line === undefined ? [] : [{ ...life, line }])]);
}

/** As `lintPolicyFile`, without what is only short-lived. */
export function lintPolicy(text: string): LineNote[] {
  const lines = linesOf(text);
  return inOrder([...lineNotes(lines), ...missing(lines)]);
}

const inOrder = (notes: LineNote[]) => notes.toSorted((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity));

function linesOf(text: string): Line[] {
  return text.split(/\r?\n/).flatMap((raw, index) => {
    if (/^[ \t]*$/.test(raw)) return [];
    const [, key = "", value = ""] = /^\uFEFF?([^:]*):[ \t]*(.*)$/s.exec(raw) ?? [];
    return [{ number: index + 1, raw, key, value: value.trimEnd() }];
  });
}

function lineNotes(lines: Line[]): LineNote[] {
  const seen = new Map<string, number>();
  const notes: LineNote[] = [];
  for (const line of lines) {
    const name = line.key === "mx" ? `mx ${line.value.toLowerCase()}` : line.key;
    const before = seen.get(name);
    seen.set(name, before ?? line.number);
    if (before !== undefined && isField(line.key)) notes.push(duplicate(line, before));
    else notes.push(...noteOn(line));
  }
  return notes;
}

/** Of a field that is there twice the first counts, whatever the later one holds. */
function duplicate({ number, key }: Line, first: number): LineNote {
  const says =
    key === "mx"
      ? `the same mx as in line ${first}`
      : `a second ${key}: the one in line ${first} counts, this one does not`;
  return { line: number, severity: key === "mx" ? "info" : "warning", code: "field-twice", says };
}

function noteOn({ number, raw, key, value }: Line): LineNote[] {
  const reading = parsePolicy(`${raw}\n${GOOD}`);
  if (reading.kind === "invalid") {
    return [wrong(number, "line-invalid", reading.detail.replace(/^line 1: /, ""))];
  }
  if (raw.startsWith("\uFEFF")) {
    return [
      {
        line: number,
        severity: "warning",
        code: "byte-order-mark",
        says: "begins with a byte-order mark, which other senders may not pass over",
      },
    ];
  }
  if (key === "max_age" && Number(value) > MOST_MAX_AGE_SECONDS) {
    return [
      {
        line: number,
        severity: "info",
        code: "max-age-capped",
        says: `more than the greatest value, ${MOST_MAX_AGE_SECONDS}`,
      },
    ];
  }
  const meant = key.toLowerCase().replaceAll(/[-. ]/g, "_");
  if (isField(key)) return [];
  return isField(meant) || meant === "maxage"
    ? [
        wrong(
          number,
          "field-misspelt",
          `the field ${key} is passed over: write ${meant === "maxage" ? "max_age" : meant}`,
        ),
      ]
    : [
        {
          line: number,
          severity: "info",
          code: "field-unknown",
          says: `the field ${key} is not known, and passed over`,
        },
      ];
}

/** What is not there at all: put in until the parser has nothing more to say. */
function missing(lines: Line[]): LineNote[] {
  const usable = new Set(lines.filter(({ key }) => isField(key)).map(({ key }) => key));
  const mode = lines.find(({ key }) => key === "mode")?.value;
  return (Object.keys(FIELDS) as FieldName[]).flatMap((key) => {
    if (usable.has(key)) return [];
    const others = Object.entries(FIELDS).filter(([name]) => name !== key);
    const without = others.map(([name, value]) => `${name}: ${name === "mode" && mode === "none" ? mode : value}\n`);
    const reading = parsePolicy(without.join(""));
    return reading.kind === "invalid" ? [wrong(undefined, "field-missing", reading.detail)] : [];
  });
}

function wrong(line: number | undefined, code: string, says: string): LineNote {
  return { severity: "error", code, says, ...(line === undefined ? {} : { line }) };
}
