/** The policy file and what it permits. RFC 8461 sections 3.2 and 4.1. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Policy } from "../../src/mta-sts/answer.ts";
import { decodePolicy, MOST_MAX_AGE_SECONDS, parsePolicy, permits } from "../../src/mta-sts/policy.ts";

const GOOD = "version: STSv1\nmode: enforce\nmx: mail.example.com\nmax_age: 86400\n";
const POLICY: Policy = { mode: "enforce", mx: ["mail.example.com"], maxAgeSeconds: 86_400 };

/** The good policy with other lines in the place of one of its fields. */
const withField = (field: string, ...lines: string[]) =>
  GOOD.split("\n")
    .flatMap((line) => (line.startsWith(`${field}:`) ? lines : [line]))
    .join("\n");

function policyOf(text: string): Policy {
  const reading = parsePolicy(text);
  assert.equal(reading.kind, "policy", `${JSON.stringify(text)}: ${JSON.stringify(reading)}`);
  return reading.kind === "policy" ? reading.policy : assert.fail();
}

function invalid(text: string, detail?: RegExp): void {
  const reading = parsePolicy(text);
  assert.equal(reading.kind, "invalid", JSON.stringify(text));
  if (reading.kind === "invalid" && detail !== undefined) assert.match(reading.detail, detail);
}

test("lines end in LF or CRLF, the last perhaps in nothing, and blanks may trail (STS-POL-1)", () => {
  const texts = [
    GOOD,
    GOOD.trimEnd(),
    GOOD.replaceAll("\n", "\r\n"),
    GOOD.replaceAll("\n", "\r\n").trimEnd(),
    GOOD.replaceAll("\n", " \t\n"),
    GOOD.replaceAll("\n", "\t \r\n"),
    GOOD.replaceAll(": ", ":"),
    GOOD.replaceAll(": ", ":\t  "),
    GOOD.replace("\n", "\r\n"),
  ];
  for (const text of texts) assert.deepEqual(policyOf(text), POLICY, JSON.stringify(text));
});

test("what is no line of the ABNF makes the policy invalid (STS-POL-1, STS-POL-5)", () => {
  invalid(GOOD.replaceAll("\n", "\r"), /line 1/);
  invalid(GOOD.replaceAll(": ", " : "), /line 1: not "key: value"/);
  invalid(`${GOOD}# a comment\n`, /line 5/);
  invalid(`${GOOD}a line\n`, /line 5/);
  invalid(`${GOOD}: x\n`, /line 5/);
  invalid(GOOD.replaceAll("\n", ";"), /version/);
  invalid(GOOD.replaceAll("\n", "\u2028"), /version/);
  invalid("", /no version/);
  invalid("\n\n", /no version/);
  invalid("<!DOCTYPE html>\n", /line 1/);
});

test("version, mode and max_age are required, each with the values of the ABNF (STS-POL-2)", () => {
  const cases: [field: string, line: string, detail: RegExp][] = [
    ["version", "", /^no version$/],
    ["version", "version: STSv2", /^line 1: version is not STSv1$/],
    ["version", "version: stsv1", /^line 1: version/],
    ["version", "Version: STSv1", /^no version$/],
    ["version", "version:", /^line 1: version/],
    ["version", "version: STSv1 x", /^line 1: version/],
    ["mode", "", /^no mode$/],
    ["mode", "mode: Enforce", /^line 2: mode "Enforce" is not/],
    ["mode", "mode: enforced", /^line 2: mode/],
    ["mode", "Mode: enforce", /^no mode$/],
    ["mode", "mode: [enforce]", /^line 2: mode/],
    ["max_age", "", /^no max_age$/],
    ["max_age", "max-age: 86400", /^no max_age$/],
    ["max_age", "max_age:", /^line 4: max_age ""/],
    ["max_age", "max_age: 1e5", /^line 4: max_age "1e5" is not a number/],
    ["max_age", "max_age: 0x10", /^line 4: max_age/],
    ["max_age", "max_age: -1", /^line 4: max_age/],
    ["max_age", "max_age: +1", /^line 4: max_age/],
    ["max_age", "max_age: 86400.0", /^line 4: max_age/],
    ["max_age", "max_age: 86 400", /^line 4: max_age/],
    ["max_age", "max_age: 1d", /^line 4: max_age/],
    ["max_age", "max_age: 12345678901", /^line 4: max_age/],
    ["max_age", "max_age: \u0661\u0662", /^line 4: max_age/],
  ];
  for (const [field, line, detail] of cases) invalid(withField(field, line), detail);
  for (const mode of ["enforce", "testing", "none"])
    assert.equal(policyOf(withField("mode", `mode: ${mode}`)).mode, mode);
});

test("version need not come first (STS-POL-2)", () => {
  assert.deepEqual(policyOf(GOOD.trim().split("\n").toReversed().join("\n")), POLICY);
});

test("max_age is capped at one year, and 0 is a value (STS-POL-2)", () => {
  const cases = { "0": 0, "0000000060": 60, "31557600": 31_557_600, "31557601": 31_557_600, "9999999999": 31_557_600 };
  for (const [text, expected] of Object.entries(cases)) {
    assert.equal(policyOf(withField("max_age", `max_age: ${text}`)).maxAgeSeconds, expected, text);
  }
  assert.equal(MOST_MAX_AGE_SECONDS, 31_557_600);
});

test("there is an mx unless the mode is none (STS-POL-3)", () => {
  invalid(withField("mx"), /^no mx, in mode enforce$/);
  invalid(withField("mx").replace("enforce", "testing"), /^no mx, in mode testing$/);
  assert.deepEqual(policyOf(withField("mx").replace("enforce", "none")), { ...POLICY, mode: "none", mx: [] });
});

test("an mx is a domain name, or a wildcard and a domain name (STS-POL-3)", () => {
  const long = `${"a".repeat(63)}.example`;
  const cases: [line: string, host: string][] = [
    ["mx: mail.example.com", "mail.example.com"],
    ["mx: *.example.com", "*.example.com"],
    ["mx: MAIL.Example.COM", "mail.example.com"],
    ["mx: mail.example.com.", "mail.example.com"],
    ["mx: *.example.com.", "*.example.com"],
    ["mx: xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["mx: 1.mx.example", "1.mx.example"],
    ["mx: localhost", "localhost"],
    [`mx: ${long}`, long],
  ];
  for (const [line, host] of cases) assert.deepEqual(policyOf(withField("mx", line)).mx, [host], line);
});

test("other forms of mx make the policy invalid: matching nothing, they would stop all mail (STS-POL-3)", () => {
  const values = [
    "",
    ".",
    "*",
    "*.",
    "*..",
    "mx*.example.com",
    "*mx.example.com",
    "*.*.example.com",
    "mail.*.example.com",
    ".example.com",
    "mail..example.com",
    "mail.example.com..",
    "-mail.example.com",
    "mail-.example.com",
    "mail_1.example.com",
    `${"a".repeat(64)}.example`,
    `${"a.".repeat(126)}example`,
    "a.example b.example",
    "a.example, b.example",
    "a.example,b.example",
    "10 mail.example.com",
    "mail.example.com:25",
    "user@example.com",
    "https://mail.example.com",
    "192.0.2.1",
    "[192.0.2.1]",
    "2001:db8::1",
    "mail%2eexample.com",
    // A-labels are what MX records hold: a name in Unicode matches none. RFC 8461 section 3.2.
    "b\u00FCcher.example",
    "mail\u3002example.com",
    "\uFEFFmail.example.com",
    "\u00A0mail.example.com",
  ];
  for (const value of values) {
    invalid(withField("mx", "mx: good.example", `mx: ${value}`), /^line 4: mx ".*" is not a host name$/);
    // In mode none too: the file breaks the ABNF all the same.
    invalid(withField("mx", `mx: ${value}`).replace("enforce", "none"));
  }
});

test("unknown fields are ignored, if they are fields (STS-POL-4)", () => {
  for (const line of ["foo: bar", "a.b-c_d: x y \u00FC \u{1F4E7} :;=", `${"f".repeat(32)}:x`, "Mx: -", "MODE: x"]) {
    assert.deepEqual(policyOf(`${line}\n${GOOD}`), POLICY, line);
  }
  for (const line of ["foo:", "foo: ", "foo: a\u0000b", "foo: a\tb", "f\u00FC: x", `${"f".repeat(33)}:x`, "_f: x"]) {
    invalid(`${line}\n${GOOD}`, /^line 1/);
  }
});

test("of a duplicated field the first counts, whatever the later one holds (STS-POL-4)", () => {
  for (const later of ["version: STSv2", "version:", "mode: none", "mode: [x]", "mode:", "max_age: 1", "max_age: x"]) {
    assert.deepEqual(policyOf(`${GOOD}${later}\n`), POLICY, later);
  }
  for (const first of ["version: STSv2", "mode: x", "mode:", "max_age: x", "max_age:"]) invalid(`${first}\n${GOOD}`);
  assert.deepEqual(policyOf(`mode: testing\n${GOOD}`).mode, "testing");
  assert.deepEqual(policyOf(`${GOOD}mx: *.b.example\n`).mx, ["mail.example.com", "*.b.example"]);
});

test("blank lines are skipped, wherever they are (STS-POL-6)", () => {
  for (const text of [`${GOOD}\n`, `${GOOD}\r\n\r\n`, `\n${GOOD}`, GOOD.replaceAll("\n", "\n\n"), `${GOOD} \t\n`]) {
    assert.deepEqual(policyOf(text), POLICY, JSON.stringify(text));
  }
});

test("a byte-order mark is skipped at the very start, once, and nowhere else (STS-POL-6)", () => {
  assert.deepEqual(policyOf(`\uFEFF${GOOD}`), POLICY);
  invalid(`\uFEFF\uFEFF${GOOD}`, /line 1/);
  invalid(`\n\uFEFF${GOOD}`, /line 2/);
  invalid(GOOD.replace("mode:", "\uFEFFmode:"), /line 2/);
  invalid(GOOD.replace("enforce", "enforce\uFEFF"), /line 2/);
});

test("the text is that of the bytes, mark included, and other than UTF-8 is none (STS-POL-6)", () => {
  const bytes = (text: string, encoding: BufferEncoding) => Buffer.from(text, encoding);
  assert.equal(decodePolicy(bytes(`\uFEFF${GOOD}`, "utf8")), `\uFEFF${GOOD}`);
  assert.equal(decodePolicy(bytes("x: \u00FC", "utf8")), "x: \u00FC");
  assert.equal(decodePolicy(bytes("x: \u00FC", "latin1")), undefined);
  assert.equal(decodePolicy(bytes(`\uFEFF${GOOD}`, "utf16le")), undefined);
});

test("indented lines are invalid: half a policy would be worse than none (STS-POL-6)", () => {
  invalid(GOOD.replaceAll(/^/gm, "  "), /line 1/);
  invalid(GOOD.replace("mx:", " mx:"), /line 3/);
  invalid(`${GOOD}\tmx: b.example\n`, /line 5/);
});

test("letter case counts in keys and values, not in host names (STS-POL-6)", () => {
  invalid(GOOD.toUpperCase());
  invalid(withField("mx", "MX: mail.example.com"), /no mx/);
  assert.deepEqual(policyOf(withField("mx", "mx: MAIL.EXAMPLE.COM")), POLICY);
});

test("an MX host is matched by name, in any letter case, with or without its last dot (STS-VAL-1)", () => {
  const policy: Policy = { ...POLICY, mx: ["mail.example.com", "*.example.net"] };
  const hosts = {
    "mail.example.com": true,
    "MAIL.example.COM": true,
    "mail.example.com.": true,
    "mail.example.com..": false,
    "example.com": false,
    "a.mail.example.com": false,
    "mail.example.com.evil.example": false,
    "evilmail.example.com": false,
    "": false,
    ".": false,
  };
  for (const [host, expected] of Object.entries(hosts)) assert.equal(permits(policy, host), expected, host);
  assert.equal(permits({ ...POLICY, mode: "none", mx: [] }, "mail.example.com"), false);
});

test("a wildcard stands for exactly one whole left-most label (STS-VAL-1)", () => {
  const policy: Policy = { ...POLICY, mx: ["*.example.net"] };
  const hosts = {
    "mx.example.net": true,
    "MX_1.Example.NET.": true,
    "example.net": false,
    ".example.net": false,
    "a.b.example.net": false,
    "mxexample.net": false,
    "mx.example.net.example": false,
    net: false,
  };
  for (const [host, expected] of Object.entries(hosts)) assert.equal(permits(policy, host), expected, host);
});

test("what a formatter writes is read back (STS-POL-1, STS-POL-4)", () => {
  const label = fc.string({ unit: fc.constantFrom(..."abcxyz019".split("")), minLength: 1, maxLength: 10 });
  const host = fc.tuple(fc.boolean(), label, label).map(([wild, a, b]) => `${wild ? "*." : ""}${a}.${b}.example`);
  const policy: fc.Arbitrary<Policy> = fc.record({
    mode: fc.constantFrom("enforce", "testing", "none"),
    mx: fc.array(host, { minLength: 1, maxLength: 5 }),
    maxAgeSeconds: fc.nat(31_557_600),
  });
  const style = fc.record({
    end: fc.constantFrom("\n", "\r\n", " \n", "\n\n"),
    colon: fc.constantFrom(":", ": ", ":\t "),
    mark: fc.constantFrom("", "\uFEFF"),
    finished: fc.boolean(),
  });
  fc.assert(
    fc.property(policy, style, ({ mode, mx, maxAgeSeconds }, { end, colon, mark, finished }) => {
      const fields = [
        ["version", "STSv1"],
        ["mode", mode],
        ...mx.map((host) => ["mx", host]),
        ["max_age", maxAgeSeconds],
      ];
      const text = mark + fields.map((field) => field.join(colon)).join(end) + (finished ? end : "");
      assert.deepEqual(policyOf(text), { mode, mx, maxAgeSeconds });
    }),
  );
});

test("no text is too strange to be read, nor takes long (STS-POL-5)", () => {
  const text = fc.oneof(
    fc.string(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("latin1")),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("utf16le")),
  );
  fc.assert(
    fc.property(text, fc.uint8Array(), (text, bytes) => {
      parsePolicy(text);
      parsePolicy(`${GOOD}mx: ${text}`);
      parsePolicy(`${GOOD}x: ${text}`);
      decodePolicy(bytes);
    }),
  );
  const startedAt = performance.now();
  parsePolicy(`${GOOD}x: a${" ".repeat(65_000)}\u0000`);
  parsePolicy(`${GOOD}a${" ".repeat(65_000)}b`);
  parsePolicy(`mx: ${"a.".repeat(32_000)}`);
  parsePolicy("mx: a.example\n".repeat(4_600));
  assert.ok(performance.now() - startedAt < 1_000);
});
