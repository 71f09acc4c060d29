import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readReportRecords } from "../../src/tlsrpt/record.ts";

const read = (...txts: string[]): string => {
  const record = readReportRecords(txts);
  if (record.kind !== "record") return record.kind;
  return record.destinations.map((each) => (each.kind === "mailto" ? each.address : each.url.href)).join(" ");
};

test("the record names mailboxes and https endpoints; what is no such record is discarded, and one must be left (RPT-TXT-1)", () => {
  const cases: [string[], string][] = [
    [["v=TLSRPTv1; rua=mailto:reports@example.com"], "reports@example.com"],
    [["v=TLSRPTv1;rua=mailto:reports@example.com;"], "reports@example.com"],
    [["v=TLSRPTv1 ; rua=mailto:reports@example.com"], "reports@example.com"],
    [["v=TLSRPTv1; rua=https://r.example.com/v1"], "https://r.example.com/v1"],
    [
      ["v=TLSRPTv1; rua=mailto:a@example.com,https://r.example.com:8443/x?y=1"],
      "a@example.com https://r.example.com:8443/x?y=1",
    ],
    [["v=TLSRPTv1; rua=mailto:a@example.com ,\t mailto:b@example.com"], "a@example.com b@example.com"],
    [["v=TLSRPTv1; rua=mailto:a%21b%2Cc%3Bd@example.com"], "unusable"],
    [["v=TLSRPTv1; rua=mailto:a%21b@example.com"], "a!b@example.com"],
    [["v=TLSRPTv1; rua=https://r.example.com/a%2Cb%3Bc%21"], "https://r.example.com/a%2Cb%3Bc%21"],
    [["v=TLSRPTv1; rua=MAILTO:a@EXAMPLE.com,HTTPS://R.example.com/X"], "a@example.com https://r.example.com/X"],
    [["v=TLSRPTv1; rua=mailto:a@b\u00fccher.example"], "unusable"],
    [["v=TLSRPTv1; rua=mailto:a@xn--bcher-kva.example"], "a@xn--bcher-kva.example"],
    [["v=TLSRPTv1; ext=1; rua=mailto:a@example.com; more=x"], "a@example.com"],
    [["v=TLSRPTv1; rua=mailto:a@example.com; rua=mailto:b@example.com"], "a@example.com"],
    [["v=TLSRPTv1; rua=mailto:a@example.com,mailto:a@example.com"], "a@example.com"],
    [["v=TLSRPTv1; rua=mailto:a@example.com?subject=x&bcc=v@example.net"], "a@example.com"],
    [["v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv2; rua=mailto:b@example.com"], "a@example.com"],
    [["v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1; rua=mailto:a@example.com"], "unusable"],
    [["v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1; nonsense"], "unusable"],
    [["V=TLSRPTv1; rua=mailto:a@example.com"], "absent"],
    [["v=TLSRPTv1"], "absent"],
    [[" v=TLSRPTv1; rua=mailto:a@example.com"], "absent"],
    [[], "absent"],
    [["v=TLSRPTv1; rua="], "unusable"],
    [["v=TLSRPTv1; ruax=mailto:a@example.com"], "unusable"],
    [["v=TLSRPTv1; rua=http://r.example.com/"], "unusable"],
    [["v=TLSRPTv1; rua=ftp://r.example.com/,mailto:a@example.com"], "a@example.com"],
    [["v=TLSRPTv1; rua=https://user:password@r.example.com/"], "unusable"],
    [["v=TLSRPTv1; rua=https://user@r.example.com/"], "unusable"],
    [["v=TLSRPTv1; rua=https://"], "unusable"],
    [["v=TLSRPTv1; rua=https:r.example.com"], "unusable"],
    [["v=TLSRPTv1; rua=mailto:nobody"], "unusable"],
    [["v=TLSRPTv1; rua=mailto:@example.com"], "unusable"],
    [["v=TLSRPTv1; rua=mailto:a@[192.0.2.1]"], "unusable"],
    [["v=TLSRPTv1; rua=mailto:%22a%20b%22@example.com"], "unusable"],
    [["v=TLSRPTv1; rua=mailto:a%0d%0aBcc:x@example.com"], "unusable"],
    [["v=TLSRPTv1; rua=mailto:a%@example.com"], "unusable"],
    [[`v=TLSRPTv1; rua=mailto:${"a".repeat(65)}@example.com`], "unusable"],
    [[`v=TLSRPTv1; rua=https://r.example.com/${"a".repeat(3000)}`], "unusable"],
  ];
  for (const [txts, expected] of cases) assert.equal(read(...txts), expected, txts.join(" | "));
});

test("a record names ten places at most", () => {
  const rua = Array.from({ length: 1000 }, (_, i) => `mailto:a${i}@example.com`).join(",");
  assert.equal(read(`v=TLSRPTv1; rua=${rua}`).split(" ").length, 10);
});

test("whatever a record holds, reading it never throws and gives addresses without line breaks", () => {
  const text = fc.array(
    fc.oneof(fc.string(), fc.constantFrom("rua=", "mailto:", "https://", "%0d%0a", ",", ";", "@", "a.example")),
  );
  fc.assert(
    fc.property(text, (pieces) => {
      const record = readReportRecords([`v=TLSRPTv1; ${pieces.join("")}`]);
      if (record.kind !== "record") return;
      for (const each of record.destinations) {
        assert.match(each.kind === "mailto" ? each.address : each.url.href, /^[\x21-\x7e]+$/);
      }
    }),
  );
});
