/** The `_mta-sts` TXT record. RFC 8461 section 3.1. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { policyHost, readRecords, recordName, type RecordReading } from "../../src/mta-sts/record.ts";

const record = (id: string): RecordReading => ({ kind: "record", id });
const absent: RecordReading = { kind: "absent" };

function check(cases: [txts: string[], expected: RecordReading | "unusable"][]): void {
  for (const [txts, expected] of cases) {
    const reading = readRecords(txts);
    if (expected === "unusable") assert.equal(reading.kind, "unusable", JSON.stringify(txts));
    else assert.deepEqual(reading, expected, JSON.stringify(txts));
  }
}

test("the record is at _mta-sts, the policy host is mta-sts, under the very domain (STS-TXT-1, STS-TXT-8)", () => {
  assert.equal(recordName("mail.example.com"), "_mta-sts.mail.example.com");
  assert.equal(policyHost("mail.example.com"), "mta-sts.mail.example.com");
});

test("only records that begin with v=STSv1; count, and there must be exactly one (STS-TXT-3)", () => {
  check([
    [[], absent],
    [["v=STSv1; id=1"], record("1")],
    [["v=spf1 -all", "v=STSv1; id=1", "google-site-verification=x"], record("1")],
    [["v=spf1 -all"], absent],
    // Case-sensitive, and from the very first character on.
    [["V=STSv1; id=1"], absent],
    [["v=stsv1; id=1"], absent],
    [[" v=STSv1; id=1"], absent],
    [["v = STSv1; id=1"], absent],
    [["v=STSv10; id=1"], absent],
    [["v=STSv1 id=1"], absent],
    [["v=STSv1"], absent],
    [["id=1; v=STSv1;"], absent],
    [['"v=STSv1; id=1"'], absent],
    [["\uFEFFv=STSv1; id=1"], absent],
    [["v=STSv1; id=1", "v=STSv1; id=2"], "unusable"],
    [["v=STSv1; id=1", "v=STSv1; id=1"], "unusable"],
  ]);
});

test("records are counted before their syntax is looked at (STS-TXT-3)", () => {
  check([
    [["v=STSv1; id=1", "v=STSv1; broken"], "unusable"],
    [["v=STSv1;", "v=STSv1; id=1"], "unusable"],
    [["v=STSv1; id=1", "v=STSv1; id=", "v=TLSRPTv1; rua=mailto:a@b.example"], "unusable"],
  ]);
});

test("white space before the semicolon counts only when no plain record is there (STS-TXT-3)", () => {
  check([
    [["v=STSv1 ; id=1"], record("1")],
    [["v=STSv1\t \t; id=1"], record("1")],
    [["v=STSv1 ; id=2", "v=STSv1; id=1"], record("1")],
    [["v=STSv1 ; id=2", "v=STSv1; broken"], "unusable"],
    [["v=STSv1 ; id=1", "v=STSv1 ; id=2"], "unusable"],
    [["v=STSv1\u00A0; id=1"], absent],
  ]);
});

test("fields follow the ABNF, and an error anywhere spoils the record (STS-TXT-4)", () => {
  const long = "a".repeat(32);
  check([
    [["v=STSv1;id=1"], record("1")],
    [["v=STSv1; id=1;"], record("1")],
    [["v=STSv1; id=1 ; "], record("1")],
    [["v=STSv1;\t id=1\t;\tfoo=bar\t"], record("1")],
    [[`v=STSv1; id=${long};`], record(long)],
    // The id is a key: letter case is part of it.
    [["v=STSv1; id=AbC"], record("AbC")],
    [[`v=STSv1; id=${long}a;`], "unusable"],
    [["v=STSv1;"], "unusable"],
    [["v=STSv1; "], "unusable"],
    [["v=STSv1;;"], "unusable"],
    [["v=STSv1;; id=1"], "unusable"],
    [["v=STSv1; id=1;;"], "unusable"],
    [["v=STSv1; id="], "unusable"],
    [["v=STSv1; id=2020-01-01"], "unusable"],
    [["v=STSv1; id=1 2"], "unusable"],
    [["v=STSv1; id = 1"], "unusable"],
    [["v=STSv1; id: 1"], "unusable"],
    [["v=STSv1; ID=1"], "unusable"],
    [["v=STSv1; foo=bar"], "unusable"],
    [["v=STSv1; id=1; foo"], "unusable"],
    [["v=STSv1; id=1; foo="], "unusable"],
    [["v=STSv1; id=1; foo=a=b"], "unusable"],
    [["v=STSv1; id=1; foo=a b"], "unusable"],
    [["v=STSv1; id=1; foo=\u00FC"], "unusable"],
    [["v=STSv1; id=1; foo=a\u0000"], "unusable"],
    [["v=STSv1; id=1; _foo=a"], "unusable"],
    [["v=STSv1; id=1; föö=a"], "unusable"],
    [[`v=STSv1; id=1; ${"f".repeat(33)}=a`], "unusable"],
    [["v=STSv1; id=1\n"], "unusable"],
  ]);
});

test("unknown fields are ignored, before and after the id (STS-TXT-5)", () => {
  check([
    [["v=STSv1; a.b-c_d=!:,/x; id=1; 2=3"], record("1")],
    [[`v=STSv1; id=1; ${"f".repeat(32)}=a`], record("1")],
    [["v=STSv1; id=1; v=STSv2"], record("1")],
  ]);
});

test("of a duplicated id the first counts, good or bad (STS-TXT-5)", () => {
  check([
    [["v=STSv1; id=1; id=2"], record("1")],
    [["v=STSv1; id=1; id=not-an-id"], record("1")],
    [["v=STSv1; id=not-an-id; id=1"], "unusable"],
    // A syntax error is one wherever it stands.
    [["v=STSv1; id=1; id="], "unusable"],
  ]);
});

test("what is written by the ABNF is read back (STS-TXT-4)", () => {
  const letter = (from: string, maxLength: number) =>
    fc.string({ unit: fc.constantFrom(...from.split("")), minLength: 1, maxLength });
  const alphanumeric = "abcXYZ019";
  const id = letter(alphanumeric, 32);
  const extension = fc
    .tuple(letter(alphanumeric, 16), letter(`${alphanumeric}_-.`, 15), letter(`${alphanumeric}!:,<~`, 20))
    .filter(([first]) => first !== "id")
    .map(([first, rest, value]) => `${first}${rest}=${value}`);
  const delimiter = fc.constantFrom(";", " ;", "; ", " \t; \t");
  const fields = fc.tuple(fc.array(extension, { maxLength: 3 }), fc.array(extension, { maxLength: 3 }), delimiter);
  fc.assert(
    fc.property(id, fields, fc.boolean(), (id, [before, after, delimiter], ends) => {
      const txt = ["v=STSv1", ...before, `id=${id}`, ...after].join(delimiter) + (ends ? delimiter : "");
      const names = [...before, ...after].map((field) => field.split("=")[0]);
      fc.pre(!names.includes("id"));
      assert.deepEqual(readRecords([txt]), { kind: "record", id });
    }),
  );
});

test("no text is too strange to be read, nor takes long (STS-TXT-4)", () => {
  const bytes = fc.uint8Array().map((array) => Buffer.from(array).toString("latin1"));
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), bytes)), (texts) => {
      readRecords(texts);
      readRecords(texts.map((text) => `v=STSv1;${text}`));
    }),
  );
  const startedAt = performance.now();
  assert.equal(readRecords([`v=STSv1; a${" ".repeat(65_000)}b`]).kind, "unusable");
  assert.ok(performance.now() - startedAt < 500);
});
