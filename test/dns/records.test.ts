import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "dns-packet";
import { readAddress, readMx, readTxt, withRecords } from "../../src/dns/records.ts";

const name = "example.test";

test("the character-strings of a TXT record are joined with nothing between them (STS-TXT-2)", () => {
  const cases: [Array<string | Buffer>, string][] = [
    [[Buffer.from("v=STSv1; "), Buffer.from("id=1;")], "v=STSv1; id=1;"],
    [[Buffer.from([0x76, 0xff, 0x00])], "v\u00ff\u0000"],
    [["text"], "text"],
    [[], ""],
  ];
  for (const [data, expected] of cases) assert.deepEqual(readTxt({ type: "TXT", name, data }), [expected]);
});

test("an MX exchange is a domain in lower case, and the root is the null MX (RFC 7505)", () => {
  const cases: Record<string, string> = {
    "MX.Example.test": "mx.example.test",
    "mail_1.example.test": "mail_1.example.test",
    ".": "",
  };
  for (const [exchange, expected] of Object.entries(cases)) {
    const record: Answer = { type: "MX", name, data: { preference: 5, exchange } };
    assert.deepEqual(readMx(record), [{ preference: 5, exchange: expected }]);
  }
});

test("an exchange that is no host name stays in the list, fit to print (RFC 5321 section 5.1)", () => {
  const cases: Record<string, string> = {
    "192.0.2.1": "192.0.2.1",
    "*.Example.test": "*.example.test",
    "a b\r\n.test": "a\\032b\\013\\010.test",
    "ü💩.test": "\\195\\188\\240\\159\\146\\169.test",
  };
  for (const [exchange, expected] of Object.entries(cases)) {
    const record: Answer = { type: "MX", name, data: { preference: 5, exchange } };
    assert.deepEqual(readMx(record), [{ preference: 5, exchange: expected }]);
  }
});

test("A and AAAA records are addresses with their family", () => {
  assert.deepEqual(readAddress({ type: "A", name, data: "192.0.2.1" }), [{ address: "192.0.2.1", family: 4 }]);
  assert.deepEqual(readAddress({ type: "AAAA", name, data: "2001:db8::1" }), [{ address: "2001:db8::1", family: 6 }]);
});

test("a record of another type gives nothing", () => {
  const ns: Answer = { type: "NS", name, data: "ns.test" };
  for (const read of [readTxt, readMx, readAddress]) assert.deepEqual(read(ns), []);
});

test("only found records are read; other answers stay as they are", () => {
  const absent = { kind: "absent", status: "nodata", ttlSeconds: 1, authentic: false } as const;
  assert.equal(withRecords(absent, readTxt), absent);
});
