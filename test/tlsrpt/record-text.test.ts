import assert from "node:assert/strict";
import { test } from "node:test";
import { readReportRecords } from "../../src/tlsrpt/record.ts";
import { formatReportRecord } from "../../src/tlsrpt/record-text.ts";

test("a TLSRPT record is written so that it is read back, with the signs that part its fields encoded (RFC 8460 section 3)", () => {
  const cases: [uris: string[], record: string][] = [
    [["mailto:reports@example.com"], "v=TLSRPTv1; rua=mailto:reports@example.com"],
    [
      ["mailto:a@example.com", "https://example.com/tls"],
      "v=TLSRPTv1; rua=mailto:a@example.com,https://example.com/tls",
    ],
    [["https://example.com/a,b;c!d"], "v=TLSRPTv1; rua=https://example.com/a%2Cb%3Bc%21d"],
  ];
  for (const [uris, record] of cases) {
    assert.equal(formatReportRecord(uris), record);
    const read = readReportRecords([record]);
    assert.equal(read.kind === "record" && read.destinations.length, uris.length, record);
  }
});
