import assert from "node:assert/strict";
import { test } from "node:test";
import { fitFor, inTransactions } from "../../src/delivery/fit.ts";
import type { Offers } from "../../src/smtp/session.ts";

const ALL: Offers = { eightBit: true, smtputf8: true, maxSizeBytes: 100 };
const NOTHING: Offers = { eightBit: false, smtputf8: false };
const EIGHT: Offers = { eightBit: true, smtputf8: false };

const ASCII = "Subject: x\r\n\r\ntext\r\n";
const EIGHT_BIT_BODY = "Subject: x\r\n\r\ntäxt\r\n";
const UTF8_HEAD = "Subject: ü\r\n\r\ntext\r\n";

type Message = Parameters<typeof fitFor>[0];
const message = (text: string, change: Partial<Message> = {}): Message => ({
  from: "sender@lab.test",
  data: Buffer.from(text),
  smtputf8: false,
  eightBit: false,
  ...change,
});

test("a message fits a host or not, and says what the host must be told (RFC 1870, RFC 6152, RFC 6531)", () => {
  const announced = { smtputf8: true };
  const cases: [string, Message, string, Offers, string][] = [
    ["ASCII anywhere", message(ASCII), "a@lab.test", NOTHING, "plain"],
    ["8-bit body", message(EIGHT_BIT_BODY), "a@lab.test", EIGHT, "8bit"],
    ["8-bit body, announced for nothing", message(ASCII, { eightBit: true }), "a@lab.test", EIGHT, "plain"],
    ["8-bit body, not offered", message(EIGHT_BIT_BODY), "a@lab.test", NOTHING, "plain, changed"],
    [
      "8-bit body that cannot be converted",
      message(`Content-Transfer-Encoding: x-odd\r\n${EIGHT_BIT_BODY}`),
      "a@lab.test",
      NOTHING,
      "5.6.3",
    ],
    ["8-bit head without SMTPUTF8 is old mail", message(UTF8_HEAD), "a@lab.test", EIGHT, "8bit"],
    ["UTF-8 head", message(UTF8_HEAD, announced), "a@lab.test", ALL, "utf8 8bit"],
    ["8-bit head without SMTPUTF8, 8-bit not offered", message(UTF8_HEAD), "a@lab.test", NOTHING, "plain, changed"],
    ["UTF-8 head, not offered", message(UTF8_HEAD, announced), "a@lab.test", EIGHT, "plain, changed"],
    [
      "UTF-8 address in the head, not offered",
      message("From: ü@x.test\r\n\r\nx\r\n", announced),
      "a@lab.test",
      EIGHT,
      "5.6.7",
    ],
    ["a line too long", message(`Subject: x\r\n\r\n${"x".repeat(999)}\r\n`), "a@lab.test", EIGHT, "plain, changed"],
    ["a line just not too long", message(`Subject: x\r\n\r\n${"x".repeat(998)}\r\n`), "a@lab.test", EIGHT, "plain"],
    [
      "too large once it is converted",
      message(`Subject: x\r\n\r\n${"ü".repeat(40)}\r\n`),
      "a@lab.test",
      { ...NOTHING, maxSizeBytes: 100 },
      "5.3.4",
    ],
    ["SMTPUTF8 announced and not needed", message(ASCII, announced), "a@lab.test", NOTHING, "plain"],
    ["UTF-8 only in the body", message(EIGHT_BIT_BODY, announced), "a@lab.test", EIGHT, "8bit"],
    ["UTF-8 recipient", message(ASCII, announced), "ü@lab.test", ALL, "utf8"],
    ["UTF-8 recipient, not offered", message(ASCII, announced), "ü@lab.test", EIGHT, "5.6.7"],
    ["UTF-8 recipient, never announced", message(ASCII), "ü@lab.test", EIGHT, "5.6.7"],
    ["UTF-8 sender, not offered", message(ASCII, { ...announced, from: "ü@lab.test" }), "a@lab.test", EIGHT, "5.6.7"],
    ["just the size", message("x".repeat(100)), "a@lab.test", ALL, "plain"],
    ["one byte more", message("x".repeat(101)), "a@lab.test", ALL, "5.3.4"],
    ["a bracket in a recipient", message(ASCII), '"a>b"@lab.test', ALL, "5.1.3"],
    ["a bracket in the sender", message(ASCII, { from: '"a<b"@lab.test' }), "a@lab.test", ALL, "5.1.3"],
  ];
  for (const [what, candidate, to, offers, expected] of cases) {
    const fit = fitFor(candidate, [to], offers);
    const words =
      fit.kind === "unfit"
        ? fit.failure.status
        : ([fit.mail.smtputf8 && "utf8", fit.mail.eightBit && "8bit"].filter(Boolean).join(" ") || "plain") +
          (fit.changed === undefined ? "" : ", changed");
    assert.equal(words, expected, what);
  }
});

test("what a host offers decides what it gets: SMTPUTF8, 8BITMIME and DSN in all combinations (RFC 6531, RFC 6152, RFC 3461)", () => {
  const text = "Subject: ü\r\nDKIM-Signature: v=1\r\n\r\ntäxt\r\n";
  const dsn = { ret: "FULL" as const };
  const both = "header put into ASCII; 8-bit text encoded";
  const rows: [smtputf8: boolean, eightBit: boolean, expected: string, changed?: string][] = [
    [true, true, "utf8 8bit"],
    // RFC 6531 section 3.1 asks for both; one that says less takes the text all the same.
    [true, false, "utf8"],
    [false, true, "8bit", "header put into ASCII"],
    [false, false, "plain", both],
  ];
  for (const [smtputf8, eightBit, expected, changed] of rows) {
    for (const offered of [{}, { dsn: true as const }]) {
      const fit = fitFor(message(text, { smtputf8: true, dsn }), ["a@lab.test"], { smtputf8, eightBit, ...offered });
      assert.ok(fit.kind === "fits");
      const { mail } = fit;
      const words = [mail.smtputf8 && "utf8", mail.eightBit && "8bit"].filter(Boolean).join(" ") || "plain";
      assert.equal(words, expected);
      assert.equal(fit.changed, changed && `${changed}; its DKIM signature does not hold any more`);
      assert.deepEqual(mail.dsn, "dsn" in offered ? dsn : undefined);
      if (!smtputf8) assert.match(mail.data.toString(), /^Subject: =\?UTF-8\?/);
      if (!smtputf8 && !eightBit) assert.match(mail.data.toString(), /t=C3=A4xt/);
    }
  }
});

test("recipients go in groups of a size, and one that not every host takes does not share its fate with the others", () => {
  const names = (text: string) => text.split(" ").map((name) => `${name}@lab.test`);
  assert.deepEqual(inTransactions(names("a b c d e"), 2), [names("a b"), names("c d"), names("e")]);
  assert.deepEqual(inTransactions(names('a ü b "<" ö c'), 2), [names("a b"), names("c"), names("ü ö"), names('"<"')]);
  assert.deepEqual(inTransactions([], 2), []);
});
