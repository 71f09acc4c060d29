import assert from "node:assert/strict";
import { test } from "node:test";
import { createSessionRecord, leakedBytes } from "../../src/lab/mx-record.ts";

test("only EHLO, HELO, STARTTLS, QUIT, NOOP and RSET say nothing of a message; all else is a leak", () => {
  const cases: [string, string][] = [
    ["EHLO relay.test\r\nSTARTTLS\r\nNOOP\r\nRSET\r\nQUIT\r\n", ""],
    ["ehlo [127.0.0.1]\r\nhelo x\r\nquit\r\n", ""],
    ["EHLO relay.test\r\nMAIL FROM:<a@b.test>\r\nQUIT\r\n", "MAIL FROM:<a@b.test>\r\n"],
    ["AUTH PLAIN AGEAYg==\r\n", "AUTH PLAIN AGEAYg==\r\n"],
    ["NOOP secret\r\n", "NOOP secret\r\n"],
    ["EHLO a b\r\n", "EHLO a b\r\n"],
    ["QUIT", "QUIT"],
    ["QUIT\n", "QUIT\n"],
    ["MAIL FR", "MAIL FR"],
    ["\x00\xff", "\x00\xff"],
  ];
  for (const [received, expected] of cases) {
    assert.equal(leakedBytes(Buffer.from(received, "latin1")).toString("latin1"), expected, JSON.stringify(received));
  }
});

test("a session's record keeps clear and protected bytes apart, a mebibyte of each", () => {
  const record = createSessionRecord("127.0.0.1");
  record.received(Buffer.from("EHLO a\r\nSTARTTLS\r\n"), false);
  for (let index = 0; index < 3; index += 1) record.received(Buffer.alloc(700_000, "x"), true);
  assert.equal(record.clear.toString(), "EHLO a\r\nSTARTTLS\r\n");
  assert.equal(record.underTls.length, 1024 * 1024);
  assert.equal(record.leaked.length, 1024 * 1024);
});
