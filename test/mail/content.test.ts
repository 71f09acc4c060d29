import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { endWithCrlf, findBareLineEnding, normaliseLineEndings } from "../../src/mail/content.ts";

test("a bare CR or LF is found, and CRLF is not one (RFC 5321 section 2.3.8)", () => {
  const cases: [text: string, at: number][] = [
    ["", -1],
    ["one\r\ntwo\r\n", -1],
    ["no line end", -1],
    ["\r\n\r\n", -1],
    ["one\ntwo\r\n", 3],
    ["one\rtwo\r\n", 3],
    ["\nfirst", 0],
    ["last\r", 4],
    ["one\r\r\ntwo", 3],
    ["one\r\n\ntwo", 5],
    ["x\r\n.\n", 4],
    ["\u00ff\u00fe\n", 4],
  ];
  for (const [text, at] of cases) assert.equal(findBareLineEnding(Buffer.from(text)), at, JSON.stringify(text));
});

test("normalised text has the same lines, each with CRLF (RFC 5321 section 2.3.8)", () => {
  const cases: [text: string, normalised: string][] = [
    ["a\nb\rc\r\nd", "a\r\nb\r\nc\r\nd"],
    ["\r\r\n", "\r\n\r\n"],
    ["\n\r", "\r\n\r\n"],
    ["\n.\n", "\r\n.\r\n"],
  ];
  for (const [text, normalised] of cases) {
    assert.equal(normaliseLineEndings(Buffer.from(text)).toString(), normalised, JSON.stringify(text));
  }
});

test("the message ends in CRLF, and an empty one stays empty (RFC 5321 section 4.1.1.4)", () => {
  const cases: [text: string, ended: string][] = [
    ["", ""],
    ["a", "a\r\n"],
    ["a\r\n", "a\r\n"],
    ["a\r", "a\r\n"],
    ["\r\n", "\r\n"],
  ];
  for (const [text, ended] of cases)
    assert.equal(endWithCrlf(Buffer.from(text)).toString(), ended, JSON.stringify(text));
});

/** Bytes with many line endings among them. */
const bytes = fc
  .array(fc.oneof(fc.constantFrom("\r", "\n", "\r\n", ".", "\r\n.\r\n"), fc.string({ unit: "binary" })))
  .map((pieces) => Buffer.from(pieces.join(""), "latin1"));

test("whatever comes in, normalised text has no bare CR or LF, and every other byte is kept", () => {
  const others = (data: Buffer) => data.toString("latin1").replaceAll(/[\r\n]/g, "");
  fc.assert(
    fc.property(bytes, (data) => {
      const normalised = endWithCrlf(normaliseLineEndings(data));
      assert.equal(findBareLineEnding(normalised), -1);
      assert.equal(others(normalised), others(data));
      assert.deepEqual(normaliseLineEndings(normalised), normalised);
    }),
  );
});

test("what a search finds is what a look at each byte finds", () => {
  fc.assert(
    fc.property(bytes, (data) => {
      const expected = data.findIndex(
        (byte, at) => (byte === 0x0d && data[at + 1] !== 0x0a) || (byte === 0x0a && data[at - 1] !== 0x0d),
      );
      assert.equal(findBareLineEnding(data), expected);
    }),
  );
});
