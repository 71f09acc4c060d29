import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readReply } from "../../src/smtp/reply.ts";

test("a reply is read as code, enhanced status and one line of text (RFC 5321 section 4.2, RFC 2034)", () => {
  const cases: [string, ReturnType<typeof readReply>][] = [
    ["250 ok", { code: 250, text: "250 ok" }],
    ["250", { code: 250, text: "250" }],
    ["354 go on", { code: 354, text: "354 go on" }],
    ["250 2.1.5 taken", { code: 250, status: "2.1.5", text: "250 2.1.5 taken" }],
    ["550 5.1.1", { code: 550, status: "5.1.1", text: "550 5.1.1" }],
    ["451 4.7.1 later", { code: 451, status: "4.7.1", text: "451 4.7.1 later" }],
    ["550 5.1.1000 x", { code: 550, text: "550 5.1.1000 x" }],
    ["550 5.1.1x", { code: 550, text: "550 5.1.1x" }],
    ["250-first\n250 second", { code: 250, text: "250 first second" }],
    ["250-first\r\n250-\r\n250 third", { code: 250, text: "250 first  third" }],
    [
      "550-5.7.1 not from\n550-5.7.1 you, see\n550 5.7.1 5.7.1 explained",
      { code: 550, status: "5.7.1", text: "550 5.7.1 not from you, see 5.7.1 explained" },
    ],
    ["550-5.7.1 one\n550 two 5.7.1 three", { code: 550, status: "5.7.1", text: "550 5.7.1 one two 5.7.1 three" }],
    ["550 größer", { code: 550, text: "550 größer" }],
  ];
  for (const [raw, expected] of cases) assert.deepEqual(readReply(raw), expected, raw);
});

test("a status of another class than the code is no status: the code counts (RFC 2034 section 4)", () => {
  assert.deepEqual(readReply("250 5.1.1 taken"), { code: 250, text: "250 5.1.1 taken" });
  assert.deepEqual(readReply("550 4.2.2 full"), { code: 550, text: "550 4.2.2 full" });
});

test("what does not begin with a reply code is no reply", () => {
  const cases = ["", "ok", "25 ok", "2500 ok", "199 x", "650 x", "HTTP/1.1 400 Bad Request", " 250 ok", "250ok"];
  for (const raw of cases) assert.equal(readReply(raw), undefined, raw);
});

test("control characters, invisible ones and those that turn the direction of writing do not reach the log", () => {
  const cases = {
    "550 a\u0000b\u001b[31mred\u007f": "550 a b [31mred",
    "550 a\tb": "550 a b",
    "550 a\u009bb": "550 a b",
    "550 evil\u202Egnp.exe\u2066": "550 evil gnp.exe",
    "550 a\u2028b\u2029c\u200bd\ufeff": "550 a b c d",
    "550 half \ud83d": "550 half",
    "550 whole \u{1F4E8}": "550 whole \u{1F4E8}",
  };
  for (const [raw, expected] of Object.entries(cases)) assert.equal(readReply(raw)?.text, expected);
});

test("any text is read without a throw, and what comes out is short, printable and begins with its code", () => {
  const bytes = fc.uint8Array({ maxLength: 600 });
  const line = fc
    .tuple(bytes, fc.constantFrom("utf8" as const, "utf16le" as const))
    .map(([b, as]) => Buffer.from(b).toString(as));
  const code = fc.integer({ min: 0, max: 999 }).map((n) => `${n} `);
  fc.assert(
    fc.property(fc.array(fc.tuple(code, line), { maxLength: 3 }), (lines) => {
      const reply = readReply(lines.map((parts) => parts.join("")).join("\r\n"));
      if (reply === undefined) return;
      assert.ok(reply.text.length <= 500);
      assert.ok(reply.text.startsWith(String(reply.code)));
      assert.doesNotMatch(reply.text, /\p{C}/u);
      assert.deepEqual(readReply(reply.text)?.code, reply.code);
    }),
  );
});
