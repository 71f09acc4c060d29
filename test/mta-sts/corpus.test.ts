/**
 * Policies and records as they are published, read as they should be. The
 * expected readings in test/corpus/ were checked one by one against RFC 8461;
 * whoever changes one there says that the RFC wants it so.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { decodePolicy, parsePolicy } from "../../src/mta-sts/policy.ts";
import { readRecords } from "../../src/mta-sts/record.ts";

const file = (name: string) => readFileSync(new URL(`../corpus/${name}`, import.meta.url), "utf8");

const entriesOf = <T>(name: string) =>
  file(name)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as T);

type PolicyEntry = { id: string; blob: string } & ({ text: string } | { text: null; bytes_b64: string });
type RecordEntry = { id: string; kind: "mta-sts" | "tlsrpt"; strings: string[] };

const bytesOf = (entry: PolicyEntry) =>
  entry.text === null ? Buffer.from(entry.bytes_b64, "base64") : Buffer.from(entry.text, "utf8");

function readingOf(body: Buffer): string {
  const text = decodePolicy(body);
  if (text === undefined) return "invalid: not UTF-8";
  const reading = parsePolicy(text);
  if (reading.kind === "invalid") return `invalid: ${reading.detail}`;
  const { mode, mx, maxAgeSeconds } = reading.policy;
  return `${mode}, ${mx.length} mx, max_age ${maxAgeSeconds}`;
}

test("published policies are read as RFC 8461 section 3.2 says (STS-POL-1 to STS-POL-6)", () => {
  const entries = entriesOf<PolicyEntry>("policies.jsonl");
  assert.equal(entries.length, 184);
  for (const entry of entries) {
    const bytes = bytesOf(entry);
    const blob = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
    assert.equal(blob, entry.blob, `${entry.id} is as it was published`);
  }
  const readings = Object.fromEntries(entries.map((entry) => [entry.id, readingOf(bytesOf(entry))]));
  assert.deepEqual(readings, JSON.parse(file("expected-policies.json")));
});

test("published records are read as RFC 8461 section 3.1 says (STS-TXT-2 to STS-TXT-5)", () => {
  const entries = entriesOf<RecordEntry>("real_txt.jsonl");
  assert.equal(entries.length, 69);
  const readings = entries.map(({ id, strings }) => {
    const reading = readRecords([strings.join("")]);
    const words = { record: `id ${"id" in reading && reading.id}`, absent: "absent", unusable: "unusable" };
    return [id, words[reading.kind]] as const;
  });
  assert.deepEqual(Object.fromEntries(readings), JSON.parse(file("expected-records.json")));
  // The records of TLSRPT, a neighbour, say nothing here.
  for (const { kind, id } of entries) {
    assert.equal(
      readings.some(([other, words]) => other === id && words === "absent"),
      kind === "tlsrpt",
      id,
    );
  }
});
