import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asDataOf } from "../../src/smtp/dot-stuffing.ts";

test("lines that begin with a dot get another, and a line with a dot alone ends the message (RFC 5321 section 4.5.2)", () => {
  const cases = {
    "": ".\r\n",
    "a\r\n": "a\r\n.\r\n",
    ".\r\n": "..\r\n.\r\n",
    "..\r\n": "...\r\n.\r\n",
    "a\r\n.\r\nb\r\n": "a\r\n..\r\nb\r\n.\r\n",
    ".a\r\n.b\r\n..c\r\n": "..a\r\n..b\r\n...c\r\n.\r\n",
    "a.b\r\n. c\r\n": "a.b\r\n.. c\r\n.\r\n",
    "a\r\n.\r\n.\r\n": "a\r\n..\r\n..\r\n.\r\n",
  };
  for (const [data, expected] of Object.entries(cases)) {
    assert.equal(asDataOf(Buffer.from(data)).toString(), expected, JSON.stringify(data));
  }
});

test("a receiver that takes the dots away has the message as it was, and no end before its end", () => {
  const line = fc.string({ unit: fc.constantFrom(".", "a", " ", "é") });
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const data = lines.map((each) => `${each}\r\n`).join("");
      const sent = asDataOf(Buffer.from(data)).toString();
      assert.ok(sent.endsWith(".\r\n"));
      const received = sent.slice(0, -3).split("\r\n").slice(0, -1);
      assert.ok(!received.includes("."));
      assert.deepEqual(
        received.map((each) => (each.startsWith(".") ? each.slice(1) : each)),
        lines,
      );
    }),
  );
});
