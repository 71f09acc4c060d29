import assert from "node:assert/strict";
import { test } from "node:test";
import { type Arrival, type ContentRules, prepareMessage } from "../../src/submission/prepare.ts";
import { replyLine } from "../../src/submission/reply.ts";

const arrival: Arrival = {
  envelope: { from: "a@from.example", to: ["b@to.example"], smtputf8: false, eightBit: false },
  client: { name: "app.example", address: "192.0.2.1" },
  protocol: { extended: true, tls: false, authenticated: false, smtputf8: false },
};
const rules: ContentRules = { hostname: "relay.example", bareLineEndings: "refuse", maxReceived: 3 };
const own = { id: "01abcdefghjkmnpqrs", now: Date.UTC(2030, 0, 1) };

function prepare(text: string, changes: Partial<ContentRules> = {}) {
  const prepared = prepareMessage(Buffer.from(text), arrival, { ...rules, ...changes }, own);
  return prepared.kind === "ready" ? prepared.message.data.toString() : replyLine(prepared.reply);
}

const trace = [
  "Received: from app.example ([192.0.2.1]) by relay.example with ESMTP",
  "\tid 01abcdefghjkmnpqrs for <b@to.example>; Tue, 01 Jan 2030 00:00:00 +0000",
  "",
].join("\r\n");
const date = "Date: Tue, 01 Jan 2030 00:00:00 +0000\r\n";
const messageId = "Message-ID: <01abcdefghjkmnpqrs@relay.example>\r\n";

test("the trace field is on top, missing fields below it, the rest as it came (RFC 5321 section 4.4)", () => {
  const complete = "Date: x\r\nMessage-ID: <y@z>\r\nFrom: a\r\n\r\nbody\r\n";
  assert.equal(prepare(complete), trace + complete);
  assert.equal(prepare("From: a\r\n\r\nbody\r\n"), `${trace}${date}${messageId}From: a\r\n\r\nbody\r\n`);
  assert.equal(prepare(""), trace + date + messageId);
  assert.equal(prepare("no header at all"), `${trace}${date}${messageId}\r\nno header at all\r\n`);
});

test("a bare CR or LF is refused, or normalised where so set (RFC 5321 section 2.3.8)", () => {
  const text = "Date: x\r\nMessage-ID: <y@z>\r\n\r\none\n.\ntwo\rthree";
  assert.match(prepare(text), /^554 5\.6\.0 /);
  assert.equal(
    prepare(text, { bareLineEndings: "normalise" }),
    `${trace}Date: x\r\nMessage-ID: <y@z>\r\n\r\none\r\n.\r\ntwo\r\nthree\r\n`,
  );
});

test("a message that has been through too many servers is in a loop (RFC 5321 section 6.3)", () => {
  const received = "Received: from x by y; z\r\n";
  assert.match(prepare(`${received.repeat(4)}\r\n`), /^554 5\.4\.6 /);
  assert.ok(prepare(`${received.repeat(3)}\r\n${received.repeat(9)}`).startsWith(trace));
});

test("a header section over the limit is refused", () => {
  assert.match(prepare(`X: ${"x".repeat(300_000)}\r\n\r\n`), /^554 5\.6\.0 /);
});

test("the Message-ID is told, the message's own or the one that was added", () => {
  const id = (text: string) => {
    const prepared = prepareMessage(Buffer.from(text), arrival, rules, own);
    assert.ok(prepared.kind === "ready");
    return prepared.messageId;
  };
  assert.equal(id("Message-ID:\r\n <y@z>\r\n\r\n"), "<y@z>");
  assert.equal(id("From: a\r\n\r\n"), "<01abcdefghjkmnpqrs@relay.example>");
});
