import assert from "node:assert/strict";
import { test } from "node:test";
import { beyondLimit } from "../../src/delivery/beyond-limit.ts";
import { readReply } from "../../src/smtp/reply.ts";
import type { AnswerStage, RecipientAnswer } from "../../src/smtp/transaction.ts";

const answer = (address: string, stage: AnswerStage, text: string): RecipientAnswer => ({
  address,
  stage,
  reply: readReply(text) ?? assert.fail(text),
});

test("recipients beyond the host's limit go into the next transaction (RFC 5321 section 4.5.3.1.10)", () => {
  const taken = answer("a@lab.test", "message", "250 taken");
  const cases: [string, boolean][] = [
    ["452 4.5.3 Too many recipients", true],
    ["452 too many recipients", true],
    ["552 Too many recipients", true],
    ["552 5.5.3 recipients", true],
    ["452 4.2.2 mailbox of recipients is full", false],
    ["452 insufficient storage", false],
    ["552 mailbox full", false],
    ["450 4.5.3 too many recipients", false],
    ["550 5.1.1 nobody", false],
  ];
  for (const [text, expected] of cases) {
    const answers = [answer("b@lab.test", "rcpt", text), taken];
    assert.deepEqual(beyondLimit({ kind: "answered", answers }), expected ? ["b@lab.test"] : [], text);
  }
});

test("a host that takes nobody is not asked again at once", () => {
  const answers = [answer("a@lab.test", "rcpt", "452 4.5.3 too many")];
  assert.deepEqual(beyondLimit({ kind: "answered", answers }), []);
});
