import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSmtpInput } from "../../src/lab/smtp-input.ts";

/** What is made of the bytes when they come in pieces of the given sizes. `DATA` opens a message. */
function read(text: string, sizes: number[] = []): string[] {
  const seen: string[] = [];
  const input = createSmtpInput({
    command(line) {
      seen.push(`> ${line}`);
      if (line === "DATA") input.readMessage();
      if (line === "STOP") input.stop();
    },
    message: (data) => void seen.push(`= ${data.toString("latin1")}`),
    overflow: () => void seen.push("overflow"),
  });
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0, piece = 0; at < bytes.length; piece += 1) {
    const size = sizes[piece % sizes.length] ?? bytes.length;
    input.push(bytes.subarray(at, at + size));
    at += size;
  }
  return seen;
}

const CASES: [string, string, string[]][] = [
  ["commands end in CRLF only", "A\nB\r\nC\rD\r\n", ["> A\nB", "> C\rD"]],
  ["a line without its end is no command", "QUIT", []],
  ["an empty message", "DATA\r\n.\r\nQUIT\r\n", ["> DATA", "= ", "> QUIT"]],
  ["a pipelined second message", "DATA\r\na\r\n.\r\nDATA\r\nb\r\n.\r\n", ["> DATA", "= a\r\n", "> DATA", "= b\r\n"]],
  ["dots are unstuffed", "DATA\r\n..\r\n...x\r\na.b\r\n.\r\n", ["> DATA", "= .\r\n..x\r\na.b\r\n"]],
  [
    "bare line ends do not end a message",
    "DATA\r\na\n.\nb\r.\r\n\n.\r\nc\r\n.\r\n",
    ["> DATA", "= a\n.\nb\r.\r\n\n.\r\nc\r\n"],
  ],
  ["what follows a stop is not read", "STOP\r\nMAIL FROM:<a@b.test>\r\n", ["> STOP"]],
  ["an endless line", "x".repeat(20_000), ["overflow"]],
];

test("bytes become commands and messages, however they are cut (RFC 5321 sections 2.3.8 and 4.5.2)", () => {
  for (const [what, text, expected] of CASES) {
    assert.deepEqual(read(text), expected, what);
    if (expected[0] === "overflow") continue;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (sizes) => {
        assert.deepEqual(read(text, sizes), expected, what);
      }),
      { numRuns: 30 },
    );
  }
});

test("any bytes are read without a throw", () => {
  const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array).toString("latin1"));
  const text = fc.array(fc.oneof(bytes, fc.constantFrom("DATA\r\n", "\r\n.\r\n", "."))).map((parts) => parts.join(""));
  fc.assert(fc.property(text, fc.integer({ min: 1, max: 9 }), (sent, size) => void read(sent, [size])));
});
