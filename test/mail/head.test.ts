import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  countReceived,
  fieldOf,
  type Head,
  MAX_HEAD_BYTES,
  missingFields,
  readHead,
  withFields,
} from "../../src/mail/head.ts";

function headOf(text: string): Head {
  const head = readHead(Buffer.from(text));
  assert.ok(head, "the header section was not read");
  return head;
}

test("fields are read with their values unfolded (RFC 5322 section 2.2.3)", () => {
  const head = headOf("Subject: one\r\n two\r\n\tthree\r\nX-Empty:\r\nFrom : a@b.example\r\nTO:x\r\n\r\nBody: no\r\n");
  assert.deepEqual(head.fields, [
    { name: "Subject", value: "one two\tthree" },
    { name: "X-Empty", value: "" },
    { name: "From", value: "a@b.example" },
    { name: "TO", value: "x" },
  ]);
  assert.equal(fieldOf(head, "to"), "x");
  assert.equal(fieldOf(head, "date"), undefined);
});

test("a value may be UTF-8 (RFC 6532 section 3.2)", () => {
  assert.equal(fieldOf(headOf("Subject: Grüße\r\n\r\n"), "subject"), "Grüße");
});

test("the header section ends at the blank line, or where no field can be (RFC 5322 section 2.1)", () => {
  const cases: [text: string, section: string, separatorMissing: boolean][] = [
    ["A: 1\r\n\r\nbody", "A: 1\r\n", false],
    ["A: 1\r\n", "A: 1\r\n", false],
    ["A: 1", "A: 1", false],
    ["", "", false],
    ["\r\nbody", "", false],
    ["body\r\n", "", true],
    ["A: 1\r\nbody\r\nB: 2\r\n", "A: 1\r\n", true],
    [" folded nothing\r\nA: 1\r\n", "", true],
    ["A: 1\r\n \r\nB: 2\r\n\r\n", "A: 1\r\n \r\nB: 2\r\n", false],
    ["A b: 1\r\n\r\n", "", true],
    [": 1\r\n\r\n", "", true],
  ];
  for (const [text, section, separatorMissing] of cases) {
    const head = headOf(text);
    assert.equal(text.slice(0, head.sizeBytes), section, JSON.stringify(text));
    assert.equal(head.separatorMissing, separatorMissing, JSON.stringify(text));
  }
});

test("a header section over the limit is refused, a long body is not", () => {
  const field = `X: ${"x".repeat(70)}\r\n`;
  const tooMany = field.repeat(Math.ceil(MAX_HEAD_BYTES / field.length) + 1);
  assert.equal(readHead(Buffer.from(`${tooMany}\r\nbody`)), undefined);
  assert.equal(readHead(Buffer.from(`X: ${"x".repeat(MAX_HEAD_BYTES)}`)), undefined);
  assert.ok(readHead(Buffer.from(`${field}\r\n${"b".repeat(2 * MAX_HEAD_BYTES)}`)));
});

test("Received fields are counted, of the header section only (RFC 5321 section 6.3)", () => {
  assert.equal(countReceived(headOf("Received: a\r\nRECEIVED: b\r\nX-Received: c\r\n\r\nReceived: body\r\n")), 2);
});

test("only a missing Date and Message-ID are added (RFC 6409 sections 8.2 and 8.3)", () => {
  const own = { id: "01abc", hostname: "relay.example", now: Date.UTC(2030, 0, 1, 12, 30, 5) };
  const date = "Date: Tue, 01 Jan 2030 12:30:05 +0000\r\n";
  const messageId = "Message-ID: <01abc@relay.example>\r\n";
  const cases: [text: string, added: string][] = [
    ["From: a@b.example\r\n\r\n", date + messageId],
    ["date: x\r\n\r\n", messageId],
    ["MESSAGE-ID: <x@y>\r\n\r\n", date],
    ["Date: x\r\nMessage-Id: <x@y>\r\n\r\n", ""],
    ["\r\nDate: in the body\r\n", date + messageId],
  ];
  for (const [text, added] of cases) assert.equal(missingFields(headOf(text), own), added, JSON.stringify(text));
});

test("new fields go on top, and a body without blank line before it gets one", () => {
  const cases: [text: string, result: string][] = [
    ["A: 1\r\n\r\nbody", "N: 0\r\nA: 1\r\n\r\nbody"],
    ["A: 1\r\nbody", "N: 0\r\nA: 1\r\n\r\nbody"],
    ["body", "N: 0\r\n\r\nbody"],
    ["\r\nbody", "N: 0\r\n\r\nbody"],
    ["", "N: 0\r\n"],
  ];
  for (const [text, result] of cases) {
    assert.equal(withFields(Buffer.from(text), headOf(text), "N: 0\r\n").toString(), result, JSON.stringify(text));
  }
});

test("random text never throws, and its bytes come through unchanged", () => {
  const piece = fc.oneof(
    fc.constantFrom("\r\n", "A: 1\r\n", "Received:", " ", "\t", ":", "\u00e9"),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const message = Buffer.from(pieces.join(""), "latin1");
      const head = readHead(message);
      assert.ok(head);
      const result = withFields(message, head, "N: 0\r\n");
      const tail = result.subarray("N: 0\r\n".length);
      const added = head.separatorMissing ? 2 : 0;
      assert.deepEqual(tail.subarray(0, head.sizeBytes), message.subarray(0, head.sizeBytes));
      assert.deepEqual(tail.subarray(head.sizeBytes + added), message.subarray(head.sizeBytes));
    }),
  );
});

test("fields that were written are read back", () => {
  const name = fc.stringMatching(/^[!-9;-~]{1,20}$/);
  const value = fc.stringMatching(/^[!-~]([ -~]{0,40}[!-~])?$/);
  fc.assert(
    fc.property(fc.array(fc.record({ name, value }, { noNullPrototype: true })), (fields) => {
      const text = fields.map((field) => `${field.name}: ${field.value}\r\n`).join("");
      assert.deepEqual(headOf(`${text}\r\nbody`).fields, fields);
    }),
  );
});
