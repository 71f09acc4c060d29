import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hasShortLines, LONGEST_LINE_BYTES } from "../../src/mail/line-length.ts";

const line = (bytes: number) => "x".repeat(bytes);

test("a line has 998 bytes and its CRLF, no more (RFC 5321 section 4.5.3.1.6)", () => {
  const cases: [string, boolean][] = [
    ["", true],
    [line(998), true],
    [line(999), false],
    [`${line(998)}\r\n`, true],
    [`${line(999)}\r\n`, false],
    [`a\r\n${line(998)}\r\nb\r\n${line(998)}`, true],
    [`a\r\n${line(999)}\r\nb\r\n`, false],
    [`a\r\nb\r\n${line(999)}`, false],
    [`${line(997)}\r\r\n`, true],
    [`${line(500)}\n${line(500)}\r\n`, false],
  ];
  for (const [text, expected] of cases)
    assert.equal(hasShortLines(Buffer.from(text)), expected, `${text.length} bytes`);
});

test("it is as a look at each line would find", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1_005 }), { maxLength: 12 }), (lengths) => {
      const text = lengths.map(line).join("\r\n");
      const expected = lengths.every((bytes) => bytes <= LONGEST_LINE_BYTES);
      assert.equal(hasShortLines(Buffer.from(text)), expected);
    }),
  );
});
