/** A policy file, read line by line. RFC 8461 section 3.2. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { lintPolicy, lintPolicyFile } from "../../src/check/policy-file.ts";
import { parsePolicy } from "../../src/mta-sts/policy.ts";

const GOOD = "version: STSv1\r\nmode: enforce\r\nmx: mx.d.example\r\nmax_age: 604800\r\n";

const notes = (text: string | Uint8Array) =>
  lintPolicyFile(Buffer.from(text)).map(({ line, severity, code }) => `${line ?? "-"} ${severity} ${code}`);

test("each line that is wrong is named, and so is what is missing (STS-POL-2, STS-POL-3)", () => {
  const cases: [text: string, expected: string[]][] = [
    [GOOD, []],
    [GOOD.replaceAll("\r", ""), []],
    [GOOD.replace("mode: enforce", "mode: enforced"), ["2 error line-invalid"]],
    [
      GOOD.replace("mode: enforce", "mode: enforced").replace("604800", "1e5"),
      ["2 error line-invalid", "4 error line-invalid"],
    ],
    [GOOD.replace("mx.d.example", "mx*.d.example"), ["3 error line-invalid"]],
    [GOOD.replace("mx: ", "mx "), ["3 error line-invalid", "- error field-missing"]],
    [GOOD.replace("STSv1", "STSv2"), ["1 error line-invalid"]],
    ["", ["- error field-missing", "- error field-missing", "- error field-missing", "- error field-missing"]],
    ["version: STSv1\nmode: none\nmax_age: 86400\n", []],
    ["version: STSv1\nmode: testing\nmax_age: 604800\n", ["- error field-missing"]],
    [GOOD.replace("max_age", "max-age"), ["4 error field-misspelt", "- error field-missing"]],
    [`${GOOD}MX: backup.d.example\n`, ["5 error field-misspelt"]],
    [`${GOOD}x-later: yes\n`, ["5 info field-unknown"]],
    [`${GOOD}mode: nonsense\n`, ["5 warning field-twice"]],
    [`${GOOD}mx: MX.d.example\n`, ["5 info field-twice"]],
    [`\uFEFF${GOOD}`, ["1 warning byte-order-mark"]],
    [GOOD.replace("604800", "99999999"), ["4 info max-age-capped"]],
    [GOOD.replace("604800", "3600"), ["4 warning max-age-short"]],
    [GOOD.replace("604800", "86400"), ["4 info max-age-low"]],
    [`<h1>It works!</h1>\n`, ["1 error line-invalid", ...Array.from({ length: 4 }, () => "- error field-missing")]],
  ];
  for (const [text, expected] of cases) assert.deepEqual(notes(text), expected, text);
});

test("a file that is no text, or too large, is said to be so (STS-GET-6)", () => {
  assert.deepEqual(notes(Buffer.from(`${GOOD}x: \u00FC`, "latin1")), ["- error policy-not-utf8"]);
  assert.deepEqual(notes(`${GOOD}x: ${"y".repeat(65_536)}`), ["- error policy-too-large"]);
});

test("its errors are the parser's: the two agree on the policies of the corpus (STS-POL-5)", () => {
  const corpus = readFileSync(new URL("../corpus/policies.jsonl", import.meta.url), "utf8")
    .trim()
    .split("\n");
  const texts = corpus.flatMap((line) => (JSON.parse(line) as { text: string | null }).text ?? []);
  assert.ok(texts.length > 150);
  for (const text of texts) agree(text);
});

test("and on anything else", () => {
  const value = fc.constantFrom(
    "STSv1",
    "enforce",
    "none",
    "mx.d.example",
    "*.d.example",
    "86400",
    "-1",
    "",
    "\u00FC",
    "a b",
  );
  const key = fc.constantFrom("version", "mode", "mx", "max_age", "Mode", "x", " mx", "", "\uFEFFmode");
  const line = fc.tuple(key, fc.constantFrom(":", ": ", " :", ""), value).map((parts) => parts.join(""));
  fc.assert(fc.property(fc.array(line, { maxLength: 8 }), (lines) => agree(lines.join("\n"))));
});

/** Errors in what is passed over (a misspelt field) are no concern of the parser's. */
function agree(text: string): void {
  const wrong = lintPolicy(text).filter(({ severity, code }) => severity === "error" && code !== "field-misspelt");
  assert.equal(wrong.length > 0, parsePolicy(text).kind === "invalid", JSON.stringify(text));
}
