/** The report for a terminal. */
import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { test } from "node:test";
import { finding } from "../../src/check/finding.ts";
import { renderReport } from "../../src/check/report.ts";
import type { CheckResult } from "../../src/check/result.ts";

const result: CheckResult = {
  domain: "d.example",
  checkedAt: 0,
  severity: "error",
  fate: { kind: "waits", why: "mx.d.example: its certificate expired on 2026-01-01" },
  findings: [
    finding("record", "ok", "record-found", "_mta-sts.d.example announces a policy, id 1"),
    finding("policy", "info", "x", "word ".repeat(60)),
    finding("hosts", "error", "x", `mx.d.example said: \u001B[31m\u0007${"x".repeat(200)}`, "Renew it. ".repeat(12)),
    finding("hosts", "warning", "x", "b"),
  ],
};

test("a report names the domain, counts, says what becomes of mail, and goes by sections", () => {
  const text = renderReport(result, { width: 80, colour: false });
  assert.match(
    text,
    /^✗ d\.example: 1 error, 1 warning\n\n {2}A message now would wait: mx\.d\.example: its certificate/,
  );
  assert.match(text, /\n {2}Record\n {2}✓ _mta-sts\.d\.example announces a policy, id 1\n\n {2}Policy\n {2}· word/);
  assert.match(text, /\n {6}→ Renew it\. /);
  assert.match(text, /\n {2}! b\n$/);
});

test("it fits the terminal, at most 80 columns, and no stranger's text steers it", () => {
  for (const width of [40, 60, 80, 200]) {
    const lines = renderReport(result, { width, colour: false }).split("\n");
    const most = Math.max(...lines.map((line) => line.length));
    assert.ok(most <= Math.min(width, 80), `${most} of ${width}`);
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    assert.doesNotMatch(lines.join(""), /[\u0000-\u001F\u007F]/);
  }
});

test("colours are only asked for, and change nothing else", () => {
  const plain = renderReport(result, { width: 80, colour: false });
  const coloured = renderReport(result, { width: 80, colour: true });
  assert.notEqual(coloured, plain);
  assert.equal(stripVTControlCharacters(coloured), plain);
});
