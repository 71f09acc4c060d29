import assert from "node:assert/strict";
import { test } from "node:test";
import { inSeconds, type Rates, refuseForRate } from "../../src/submission/rates.ts";
import { connectAndGreet } from "./support/client.ts";
import { startIntake } from "./support/intake.ts";
import { memoryLimiter } from "./support/memory-limiter.ts";

const none: Rates = { messages: {}, recipients: {} };

test("without limits nobody is asked, and nothing waited for", () => {
  assert.equal(refuseForRate("messages", none, { address: "192.0.2.1", user: "app" }), undefined);
  const perUser: Rates = { ...none, messages: { perUser: memoryLimiter(0) } };
  assert.equal(refuseForRate("messages", perUser, { address: "192.0.2.1", user: undefined }), undefined);
});

test("each limit that is reached has its own words, with the time to wait (RFC 5321 section 4.2.1, RFC 3463 section 3.8)", async () => {
  const cases: [Rates, "messages" | "recipients", string][] = [
    [
      { ...none, messages: { perClient: memoryLimiter(0, 41_001) } },
      "messages",
      "Too many messages from your address, try again in 42 s",
    ],
    [
      { ...none, messages: { perUser: memoryLimiter(0, 10) } },
      "messages",
      "Too many messages from you, try again in 1 s",
    ],
    [
      { ...none, messages: { total: memoryLimiter(0, 60_000) } },
      "messages",
      "Too many messages at the moment, try again in 60 s",
    ],
    [
      { ...none, recipients: { perClient: memoryLimiter(0) } },
      "recipients",
      "Too many recipients from your address, try again in 60 s",
    ],
  ];
  for (const [rates, what, text] of cases) {
    const reply = await refuseForRate(what, rates, { address: "192.0.2.1", user: "app" });
    assert.deepEqual(reply, { code: 451, status: "4.7.1", text });
  }
});

test("who is over its own limit does not use up what is for all", async () => {
  const total = memoryLimiter(100);
  const rates: Rates = { ...none, messages: { perClient: memoryLimiter(2), total } };
  for (let i = 0; i < 10; i++) await refuseForRate("messages", rates, { address: "192.0.2.1", user: undefined });
  assert.deepEqual([...total.counts.values()], [2]);
});

test("addresses of one IPv6 /64 are one client, IPv4 addresses each their own (RFC 4291 section 2.5.1)", async () => {
  const perClient = memoryLimiter(1);
  for (const address of ["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2", "::ffff:192.0.2.2"])
    await refuseForRate("messages", { ...none, messages: { perClient } }, { address, user: undefined });
  assert.deepEqual(Object.fromEntries(perClient.counts), { "2001:db8:0:0::/64": 2, "192.0.2.1": 1, "192.0.2.2": 2 });
});

test("a wait is rounded up to whole seconds, and never none", () => {
  for (const [ms, text] of [
    [0, "1 s"],
    [1, "1 s"],
    [1_000, "1 s"],
    [1_001, "2 s"],
  ] as const)
    assert.equal(inSeconds(ms), text);
});

test("a message too many is answered 451 4.7.1 to MAIL, and the session goes on", async () => {
  await using intake = await startIntake({ rates: { ...none, messages: { perClient: memoryLimiter(1) } } });
  await using client = await connectAndGreet(intake.port);
  assert.match((await client.command("MAIL FROM:<a@from.example>")) ?? "", /^250 /);
  await client.command("RSET");
  assert.equal(
    await client.command("MAIL FROM:<a@from.example>"),
    "451 4.7.1 Too many messages from your address, try again in 60 s",
  );
  assert.match((await client.command("RCPT TO:<b@to.example>")) ?? "", /^503 /);
  assert.match((await client.command("NOOP")) ?? "", /^250 /);
});

test("a recipient too many is answered 451 4.7.1 to RCPT, those before it get the message; one named twice counts once", async () => {
  await using intake = await startIntake({ rates: { ...none, recipients: { total: memoryLimiter(2) } } });
  await using client = await connectAndGreet(intake.port);
  await client.command("MAIL FROM:<a@from.example>");
  assert.match((await client.command("RCPT TO:<one@to.example>")) ?? "", /^250 /);
  assert.match((await client.command("RCPT TO:<one@to.example>")) ?? "", /^250 /);
  assert.match((await client.command("RCPT TO:<two@to.example>")) ?? "", /^250 /);
  assert.match(
    (await client.command("RCPT TO:<three@to.example>")) ?? "",
    /^451 4\.7\.1 Too many recipients at the moment/,
  );
  await client.command("DATA");
  assert.match((await client.command("Subject: x\r\n\r\nx\r\n.")) ?? "", /^250 /);
  assert.deepEqual(intake.queue[0]?.envelope.to, ["one@to.example", "two@to.example"]);
});
