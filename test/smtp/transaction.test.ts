import assert from "node:assert/strict";
import { test } from "node:test";
import type { MxBehaviour } from "../../src/lab/mx-behaviour.ts";
import type { Mail, TransactionResult } from "../../src/smtp/transaction.ts";
import { createTestHosts } from "../support/test-hosts.ts";
import { NAME, opened } from "./support/open.ts";
import { agreeable, type Script, startScriptedHost } from "./support/scripted-host.ts";

const CLEAR = { starttls: "never" } as const;
const PIPELINING = ["PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8"];
const ONE_BY_ONE = ["SIZE 1000000", "8BITMIME", "SMTPUTF8"];

function mail(change: Partial<Mail> = {}): Mail {
  const data = Buffer.from("Subject: hello\r\n\r\ntext\r\n");
  return { from: "sender@lab.test", to: ["a@lab.test"], data, smtputf8: false, eightBit: false, ...change };
}

/** Each answer as "address stage code". */
const answersOf = (result: TransactionResult) =>
  result.answers.map(({ address, stage, reply }) => `${address} ${stage} ${reply.code}`);

/** `agreeable`, but for lines that begin with one of these words. */
const butFor =
  (words: Record<string, ReturnType<Script>>): Script =>
  (line, session) => {
    const word = Object.keys(words).find((word) => line.startsWith(word));
    return word === undefined ? agreeable(line, session) : words[word];
  };

test("a message arrives as it is, dots and all, with its envelope; each recipient has the reply to the message", async () => {
  await using hosts = createTestHosts();
  for (const keywords of [PIPELINING, ONE_BY_ONE]) {
    const host = await hosts.start(NAME, { keywords });
    using session = await opened(host);
    const data = Buffer.from("Subject: dots\r\n\r\n.\r\n..two\r\n.last\r\n\xff\r\n", "latin1");
    const result = await session.send(mail({ to: ["a@lab.test", "b@lab.test"], data, eightBit: true }));
    assert.deepEqual(
      [result.kind, answersOf(result)],
      ["answered", ["a@lab.test message 250", "b@lab.test message 250"]],
    );
    const [message] = host.messages;
    assert.deepEqual(
      [message?.from, message?.to, message?.tls],
      ["sender@lab.test", ["a@lab.test", "b@lab.test"], "TLSv1.3"],
    );
    assert.deepEqual(message?.data, data);
  }
});

test("the null sender is sent as such (RFC 5321 section 4.5.5)", async () => {
  await using hosts = createTestHosts();
  const host = await hosts.start(NAME);
  using session = await opened(host);
  await session.send(mail({ from: "" }));
  assert.match(host.sessions[0]?.underTls.toString() ?? "", /^MAIL FROM:<> /m);
});

test("refusals at each stage are answers: whom they concern, and their code (RFC 5321 section 3.3)", async () => {
  await using hosts = createTestHosts();
  const all = ["a@lab.test", "b@lab.test", "c@lab.test"];
  const rcpt: MxBehaviour["rcpt"] = (to) =>
    to.startsWith("a") ? "550 5.1.1 nobody" : to.startsWith("b") ? "451 4.7.1 later" : undefined;
  const stage = (word: string, code: number) => all.map((address) => `${address} ${word} ${code}`);
  const cases: [string, MxBehaviour, string[]][] = [
    ["MAIL 5xx", { mail: () => "550 5.7.1 not you" }, stage("mail", 550)],
    ["MAIL 4xx", { mail: () => "451 4.3.0 not now" }, stage("mail", 451)],
    ["RCPT mixed", { rcpt }, ["a@lab.test rcpt 550", "b@lab.test rcpt 451", "c@lab.test message 250"]],
    ["RCPT all", { rcpt: () => "550 5.1.1 nobody" }, stage("rcpt", 550)],
    ["DATA 4xx", { data: "451 4.3.0 not now" }, stage("data", 451)],
    ["DATA 5xx", { data: "554 5.6.0 no" }, stage("data", 554)],
    [
      "DATA 4xx after a refused recipient",
      { data: "451 4.3.0 not now", rcpt },
      ["a@lab.test rcpt 550", "b@lab.test rcpt 451", "c@lab.test data 451"],
    ],
    ["message 4xx", { message: "452 4.3.1 full" }, stage("message", 452)],
    ["message 5xx", { message: "552 5.3.4 too big" }, stage("message", 552)],
  ];
  for (const keywords of [PIPELINING, ONE_BY_ONE]) {
    for (const [what, behaviour, expected] of cases) {
      const host = await hosts.start(NAME, { ...behaviour, keywords });
      using session = await opened(host, CLEAR);
      const result = await session.send(mail({ to: all }));
      assert.deepEqual([result.kind, answersOf(result)], ["answered", expected], `${what}, ${keywords[0]}`);
      assert.equal(session.closed, false, what);
    }
  }
});

test("a session serves again after success, and after refusals with RSET first: no 503 for a nested MAIL (RFC 5321 section 4.1.1.5)", async () => {
  await using hosts = createTestHosts();
  const cases: [string, MxBehaviour, "RSET" | "no RSET"][] = [
    ["success", {}, "no RSET"],
    ["MAIL refused", { mail: (from) => (from.startsWith("bad") ? "550 5.7.1 no" : undefined) }, "RSET"],
    ["RCPT refused", { rcpt: (_, from) => (from.startsWith("bad") ? "550 5.1.1 no" : undefined) }, "RSET"],
    ["RCPT mixed", { rcpt: (to, from) => (to < "b" && from.startsWith("bad") ? "450 4.2.1 no" : undefined) }, "RSET"],
  ];
  for (const keywords of [PIPELINING, ONE_BY_ONE]) {
    for (const [what, behaviour, expected] of cases) {
      const host = await hosts.start(NAME, { ...behaviour, keywords });
      using session = await opened(host, CLEAR);
      await session.send(mail({ from: "bad@lab.test", to: ["a@lab.test", "b@lab.test"] }));
      const second = await session.send(mail());
      assert.deepEqual(answersOf(second), ["a@lab.test message 250"], what);
      const lines = host.sessions[0]?.commands.map(({ line }) => line) ?? [];
      assert.equal(lines.includes("RSET") ? "RSET" : "no RSET", expected, what);
      assert.equal(host.sessions.length, 1);
    }
  }
});

test("a connection that drops inside the message leaves it uncertain; one that drops before does not", async () => {
  await using hosts = createTestHosts();
  for (const drop of ["during-message", "after-message"] as const) {
    const host = await hosts.start(NAME, { drop });
    using session = await opened(host);
    const result = await session.send(mail());
    assert.ok(result.kind === "broken" && result.uncertain && !result.unanswered, drop);
    assert.deepEqual([result.detail, result.answers, session.closed], ["it dropped the connection", [], true]);
  }
  for (const word of ["MAIL", "RCPT", "DATA"]) {
    await using host = await startScriptedHost({ script: butFor({ [word]: { next: "destroy" } }) });
    using session = await opened(host, CLEAR);
    const result = await session.send(mail());
    assert.ok(result.kind === "broken" && !result.uncertain, word);
    assert.equal(result.unanswered, word === "MAIL", word);
  }
});

test("421 ends the session wherever it comes, and is no word on a recipient (RFC 5321 section 3.8)", async () => {
  const cases: [string, { unanswered: boolean; uncertain: boolean }][] = [
    ["MAIL", { unanswered: true, uncertain: false }],
    ["RCPT TO:<b", { unanswered: false, uncertain: false }],
    ["DATA", { unanswered: false, uncertain: false }],
    [".", { unanswered: false, uncertain: false }],
  ];
  for (const [word, expected] of cases) {
    const reply = { reply: "421 4.3.2 closing", next: "end" } as const;
    await using host = await startScriptedHost({ script: butFor({ "RCPT TO:<a": "550 5.1.1 nobody", [word]: reply }) });
    using session = await opened(host, CLEAR);
    const result = await session.send(mail({ to: ["a@lab.test", "b@lab.test"] }));
    assert.equal(result.kind, "broken", word);
    const { unanswered, uncertain, detail } = result;
    assert.deepEqual({ unanswered, uncertain }, expected, word);
    assert.equal(detail, 'it ended the session: "421 4.3.2 closing"');
    assert.deepEqual(answersOf(result), word === "MAIL" ? [] : ["a@lab.test rcpt 550"], word);
    assert.equal(session.closed, true);
  }
});

test("a reply that is none is no answer, and after the message nobody knows", async () => {
  const cases: [string, boolean][] = [
    ["MAIL", false],
    ["DATA", false],
    [".", true],
  ];
  for (const [word, uncertain] of cases) {
    await using host = await startScriptedHost({ script: butFor({ [word]: "what?" }) });
    using session = await opened(host, CLEAR);
    const result = await session.send(mail());
    assert.ok(result.kind === "broken" && result.uncertain === uncertain, word);
    assert.equal(result.detail, "its reply is not SMTP", word);
  }
  await using host = await startScriptedHost({ script: butFor({ "RCPT TO:<a": "what?" }) });
  using session = await opened(host, CLEAR);
  assert.deepEqual(answersOf(await session.send(mail({ to: ["a@lab.test", "b@lab.test"] }))), [
    "b@lab.test message 250",
  ]);
});

test("SMTPUTF8 is announced once, also for an envelope in ASCII, and 8BITMIME where asked for (RFC 6531 section 3.4, RFC 6152)", async () => {
  await using hosts = createTestHosts();
  const host = await hosts.start(NAME);
  using session = await opened(host);
  const cases: [Partial<Mail>, string][] = [
    [{}, "MAIL FROM:<sender@lab.test> SIZE=24"],
    [{ eightBit: true }, "MAIL FROM:<sender@lab.test> BODY=8BITMIME SIZE=24"],
    [{ smtputf8: true }, "MAIL FROM:<sender@lab.test> SIZE=24 SMTPUTF8"],
    [{ smtputf8: true, eightBit: true }, "MAIL FROM:<sender@lab.test> BODY=8BITMIME SIZE=24 SMTPUTF8"],
    [{ smtputf8: true, from: "grün@lab.test" }, "MAIL FROM:<gr\xc3\xbcn@lab.test> SMTPUTF8 SIZE=24"],
    [{ smtputf8: true, from: '"a SMTPUTF8 b"@lab.test' }, 'MAIL FROM:<"a SMTPUTF8 b"@lab.test> SIZE=24 SMTPUTF8'],
    [{}, "MAIL FROM:<sender@lab.test> SIZE=24"],
  ];
  for (const [change] of cases) await session.send(mail(change));
  const lines = host.sessions[0]?.commands.map(({ line }) => line).filter((line) => line.startsWith("MAIL"));
  assert.deepEqual(
    lines,
    cases.map(([, line]) => line),
  );
});

test("what the sender wants to hear goes to a host that offers DSN, each recipient with its own wish (RFC 3461 section 5.2.1)", async () => {
  await using hosts = createTestHosts();
  for (const keywords of [["DSN"], ["PIPELINING", "DSN"]]) {
    const host = await hosts.start(NAME, { keywords });
    using session = await opened(host);
    const recipients = new Map([
      ["a@lab.test", { notify: ["SUCCESS" as const], orcpt: "rfc822;x+y@lab.test" }],
      ["b@lab.test", { notify: ["NEVER" as const] }],
    ]);
    await session.send(
      mail({ to: ["a@lab.test", "b@lab.test", "c@lab.test"], dsn: { ret: "HDRS", envid: "no 1", recipients } }),
    );
    await session.send(mail());
    const lines = host.sessions[0]?.commands.map(({ line }) => line).filter((line) => /^(MAIL|RCPT)/.test(line));
    assert.deepEqual(lines, [
      "MAIL FROM:<sender@lab.test> RET=HDRS ENVID=no+201",
      "RCPT TO:<a@lab.test> NOTIFY=SUCCESS ORCPT=rfc822;x+2By@lab.test",
      "RCPT TO:<b@lab.test> NOTIFY=NEVER",
      "RCPT TO:<c@lab.test>",
      "MAIL FROM:<sender@lab.test>",
      "RCPT TO:<a@lab.test>",
    ]);
  }
});

test("a wish is not told to a host that does not offer DSN (RFC 3461 section 5.2.2)", async () => {
  await using hosts = createTestHosts();
  const host = await hosts.start(NAME);
  using session = await opened(host);
  await assert.rejects(session.send(mail({ dsn: { ret: "FULL" } })), /DSN is not offered/);
});

test("SMTPUTF8 is not sent to a host that does not offer it", async () => {
  await using hosts = createTestHosts();
  const host = await hosts.start(NAME, { keywords: ["8BITMIME"] });
  using session = await opened(host);
  await assert.rejects(session.send(mail({ smtputf8: true })), /SMTPUTF8 is not offered/);
});

test("a host that refuses RSET, or ends there, has not been asked anything of the new message", async () => {
  for (const answer of ["500 what?", { next: "destroy" }, { reply: "421 bye", next: "end" }] as const) {
    await using host = await startScriptedHost({ script: butFor({ RCPT: "550 5.1.1 nobody", RSET: answer }) });
    using session = await opened(host, CLEAR);
    await session.send(mail());
    const result = await session.send(mail());
    assert.ok(result.kind === "broken" && result.unanswered && !result.uncertain);
    assert.equal(session.closed, true);
  }
});

test("a signal ends the transaction: before the message without harm, inside it uncertain", async () => {
  for (const [word, uncertain] of [
    ["MAIL", false],
    [".", true],
  ] as const) {
    await using host = await startScriptedHost({ script: butFor({ [word]: undefined }) });
    using session = await opened(host, CLEAR);
    const stop = new AbortController();
    const sending = session.send(mail(), stop.signal);
    await host.until(() => host.sessions[0]?.lines.some((line) => line.startsWith(word)) === true);
    stop.abort();
    const result = await sending;
    assert.ok(result.kind === "broken" && result.uncertain === uncertain, word);
    assert.equal(result.detail, "the attempt was broken off");
    await host.until(() => host.sessions[0]?.open === false);
  }
  await using host = await startScriptedHost({ script: agreeable });
  using session = await opened(host, CLEAR);
  const result = await session.send(mail(), AbortSignal.abort());
  assert.ok(result.kind === "broken" && result.unanswered);
  assert.deepEqual(host.sessions[0]?.lines, ["EHLO relay.test"]);
});

test("a command without a reply ends the session after its limit, and the message after its own (RFC 5321 section 4.5.3.2)", async () => {
  const limits = { setupTimeoutMs: 5000, commandTimeoutMs: 100, dataTimeoutMs: 200 };
  for (const [word, uncertain] of [
    ["MAIL", false],
    ["RCPT", false],
    ["DATA", false],
    [".", true],
  ] as const) {
    await using host = await startScriptedHost({ script: butFor({ [word]: undefined }) });
    using session = await opened(host, { ...CLEAR, limits });
    const result = await session.send(mail());
    assert.ok(result.kind === "broken" && result.uncertain === uncertain, word);
    assert.equal(result.detail, "it did not answer in time", word);
    await host.until(() => host.sessions[0]?.open === false);
  }
});

test("a slow host that always answers in the same words is not taken for a silent one", async () => {
  const slowly: Script = (line, session) => {
    if (!line.startsWith("RCPT")) return agreeable(line, session);
    return new Promise((resolve) => setTimeout(resolve, 50, "250 ok"));
  };
  await using host = await startScriptedHost({ script: slowly });
  const limits = { setupTimeoutMs: 5000, commandTimeoutMs: 200, dataTimeoutMs: 5000 };
  using session = await opened(host, { ...CLEAR, limits });
  const to = Array.from({ length: 12 }, (_, i) => `user${i}@lab.test`);
  assert.equal((await session.send(mail({ to }))).answers.length, 12);
});

test("many messages over one session leave no listener behind and do not end it", async () => {
  const warnings: Error[] = [];
  const warn = (warning: Error) => warnings.push(warning);
  process.on("warning", warn);
  await using hosts = createTestHosts();
  const host = await hosts.start(NAME);
  using session = await opened(host);
  const data = Buffer.from(`Subject: big\r\n\r\n${"text and more text\r\n".repeat(15_000)}`);
  for (let i = 0; i < 24; i += 1) await session.send(mail({ data, to: [`user${i}@lab.test`] }));
  assert.equal(host.messages.length, 24);
  assert.equal(host.sessions.length, 1);
  assert.equal(session.closed, false);
  process.removeListener("warning", warn);
  assert.deepEqual(warnings, []);
});

test("after a reply that came before the end of the message the session is not used: a command would become its text", async () => {
  await using host = await startScriptedHost({
    script(line, session) {
      if (line.startsWith("EHLO")) return "250 x";
      if (line !== "DATA") return agreeable(line, session);
      session.socket.pause();
      return "354 go on\r\n552 5.3.4 too big";
    },
  });
  using session = await opened(host, CLEAR);
  const data = Buffer.alloc(16 * 1024 * 1024, "a line of text\r\n");
  const result = await session.send(mail({ data }));
  assert.deepEqual(answersOf(result), ["a@lab.test message 552"]);
  assert.equal(session.closed, true);
});
