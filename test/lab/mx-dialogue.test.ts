import assert from "node:assert/strict";
import { test } from "node:test";
import type { MxBehaviour } from "../../src/lab/mx-behaviour.ts";
import { createDialogue, type Step, type TakenMessage } from "../../src/lab/mx-dialogue.ts";

function dialogue(behaviour: MxBehaviour = {}) {
  const messages: TakenMessage[] = [];
  const spoken = createDialogue({ name: "mx.lab.test", behaviour, taken: (message) => void messages.push(message) });
  return { ...spoken, messages };
}

/** The step in one word for tables: the code, and what is done then. */
const brief = ({ reply, next }: Step) => [reply.slice(0, 3), ...(next === undefined ? [] : [next])].join(" ");

test("each command in its place, and refused out of it (RFC 5321 section 4.1.4)", () => {
  const cases: [string, string[], string[]][] = [
    ["MAIL before EHLO", ["MAIL FROM:<a@b.test>"], ["503"]],
    [
      "a whole transaction",
      ["EHLO x", "MAIL FROM:<a@b.test> SIZE=9", "RCPT TO:<c@d.test>", "DATA"],
      ["250", "250", "250", "354 read-message"],
    ],
    ["HELO will do, and case does not count", ["helo x", "mail from: <>", "rcpt to:<c@d.test>"], ["250", "250", "250"]],
    ["two senders", ["EHLO x", "MAIL FROM:<a@b.test>", "MAIL FROM:<a@b.test>"], ["250", "250", "503"]],
    ["no recipients", ["EHLO x", "MAIL FROM:<a@b.test>", "DATA"], ["250", "250", "554"]],
    [
      "RSET forgets",
      ["EHLO x", "MAIL FROM:<a@b.test>", "RSET", "RCPT TO:<c@d.test>", "DATA"],
      ["250", "250", "250", "503", "503"],
    ],
    ["no brackets", ["EHLO x", "MAIL FROM:a@b.test", "MAIL FROM:<>", "RCPT TO:<>"], ["250", "501", "250", "501"]],
    ["goes", ["QUIT"], ["221 end"]],
    ["unknown", ["AUTH PLAIN AA==", "", "constructor"], ["500", "500", "500"]],
  ];
  for (const [what, lines, expected] of cases) {
    const { command } = dialogue();
    assert.deepEqual(
      lines.map((line) => brief(command(line))),
      expected,
      what,
    );
  }
});

test("STARTTLS as each behaviour has it, offered only while there is no TLS (RFC 3207 section 4.2)", () => {
  const cases: [MxBehaviour, boolean, string][] = [
    [{}, true, "220 start-tls"],
    [{ starttls: "absent" }, false, "500"],
    [{ starttls: { reply: "454 4.7.0 no" } }, true, "454"],
    [{ starttls: { inject: "250 x\r\n" } }, true, "220 start-tls"],
  ];
  for (const [behaviour, offered, reply] of cases) {
    const { command } = dialogue(behaviour);
    assert.equal(command("EHLO x").reply.includes("STARTTLS"), offered, JSON.stringify(behaviour));
    assert.equal(brief(command("STARTTLS")), reply, JSON.stringify(behaviour));
  }
  const { command, secured } = dialogue();
  command("EHLO x");
  secured();
  assert.equal(brief(command("MAIL FROM:<a@b.test>")), "503", "what was said before TLS is forgotten");
  assert.doesNotMatch(command("EHLO x").reply, /STARTTLS/);
  assert.equal(brief(command("STARTTLS")), "503");
});

test("a message is taken with the recipients that were accepted, and not with a refusal", () => {
  const refusing: MxBehaviour = { rcpt: (to) => (to.startsWith("no@") ? "550 5.1.1 unknown" : undefined) };
  const lines = ["EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<no@d.test>", "RCPT TO:<yes@d.test>", "DATA"];
  for (const behaviour of [refusing, { ...refusing, message: "554 5.6.0 bad" as const }]) {
    const { command, message, messages } = dialogue(behaviour);
    assert.deepEqual(
      lines.map((line) => brief(command(line))),
      ["250", "250", "550", "250", "354 read-message"],
    );
    message(Buffer.from("x"));
    const taken = [{ from: "a@b.test", to: ["yes@d.test"], data: Buffer.from("x") }];
    assert.deepEqual(messages, behaviour === refusing ? taken : []);
    assert.equal(brief(command("MAIL FROM:<a@b.test>")), "250", "the next transaction");
  }
});

test("greetings: the usual, none, and a refusal after which nothing is heard (RFC 5321 section 3.1)", () => {
  const cases: [MxBehaviour, string][] = [
    [{}, "220"],
    [{ greeting: "220 other" }, "220"],
    [{ greeting: "554 5.3.2 closed" }, "554 end"],
    [{ greeting: "never" }, ""],
  ];
  for (const [behaviour, expected] of cases) assert.equal(brief(dialogue(behaviour).greeting()), expected);
});
