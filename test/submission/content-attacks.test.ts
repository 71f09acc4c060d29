import assert from "node:assert/strict";
import { test } from "node:test";
import { createByteBudget } from "../../src/submission/limits.ts";
import { type Client, connectAndGreet } from "./support/client.ts";
import { startIntake, textOf } from "./support/intake.ts";

async function beginData(client: Client): Promise<void> {
  await client.command("MAIL FROM:<a@from.example>");
  await client.command("RCPT TO:<b@to.example>");
  assert.match((await client.command("DATA")) ?? "", /^354 /);
}

const SMUGGLED = "MAIL FROM:<evil@from.example>\r\nRCPT TO:<victim@to.example>\r\nDATA\r\nsmuggled\r\n";
const FALSE_ENDS = ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r.\r\n", "\r\n.\r", "\n\n.\r\n"];

test("no false end of data smuggles a second message: the first is refused (RFC 5321 section 4.1.1.4)", async () => {
  await using intake = await startIntake();
  await using client = await connectAndGreet(intake.port);
  for (const end of FALSE_ENDS) {
    await beginData(client);
    client.send(`Subject: one\r\n\r\nbody${end}${SMUGGLED}.\r\n`);
    assert.match((await client.reply()) ?? "", /^554 5\.6\.0 /, JSON.stringify(end));
    assert.match((await client.command("NOOP")) ?? "", /^250 /, "no reply is left over");
  }
  assert.equal(intake.queue.length, 0);
});

test("normalised, a false end of data is text with CRLF, and still one message (RFC 5321 section 2.3.8)", async () => {
  await using intake = await startIntake({ bareLineEndings: "normalise" });
  await using client = await connectAndGreet(intake.port);
  for (const end of FALSE_ENDS) {
    await beginData(client);
    client.send(`Subject: one\r\n\r\nbody${end}${SMUGGLED}.\r\n`);
    assert.match((await client.reply()) ?? "", /^250 /, JSON.stringify(end));
    assert.match((await client.command("NOOP")) ?? "", /^250 /, "no reply is left over");
  }
  assert.equal(intake.queue.length, FALSE_ENDS.length);
  for (const message of intake.queue) {
    assert.doesNotMatch(textOf(message), /\r(?!\n)|(?<!\r)\n/);
    assert.match(textOf(message), /\r\n\.\r\n.*evil@from/s);
  }
});

test("a true end of data cut into single bytes is an end, a stuffed dot is not (RFC 5321 section 4.5.2)", async () => {
  await using intake = await startIntake();
  await using client = await connectAndGreet(intake.port);
  await beginData(client);
  client.socket.setNoDelay(true);
  for (const byte of "A: 1\r\n\r\n..\r\n..x\r\n.\r\n") client.send(byte);
  assert.match((await client.reply()) ?? "", /^250 /);
  assert.ok(textOf(intake.queue[0]).endsWith("A: 1\r\n\r\n.\r\n.x\r\n"));
});

test("a message over the limit is answered 552 5.3.4, and the session goes on (RFC 1870 section 6.3)", async () => {
  await using intake = await startIntake();
  await using client = await connectAndGreet(intake.port);
  await beginData(client);
  client.send(`Subject: big\r\n\r\n${"x".repeat(150_000)}\r\n.\r\n`);
  assert.match((await client.reply()) ?? "", /^552 5\.3\.4 /);
  await beginData(client);
  assert.match((await client.command("small\r\n.")) ?? "", /^250 /);
  assert.equal(intake.queue.length, 1);
});

test("a client that goes on sending past twice the limit is cut off", async () => {
  await using intake = await startIntake();
  await using client = await connectAndGreet(intake.port);
  await beginData(client);
  client.send(`Subject: endless\r\n\r\n${"x".repeat(250_000)}`);
  assert.match((await client.reply()) ?? "", /^552 5\.3\.4 /);
  await client.closed;
  assert.equal(intake.queue.length, 0);
});

test("a message that trickles in for too long is given up", async () => {
  await using intake = await startIntake({ dataTimeoutMs: 50 });
  await using client = await connectAndGreet(intake.port);
  await beginData(client);
  client.send("Subject: slow");
  assert.match((await client.reply()) ?? "", /^421 4\.4\.2 /);
  await client.closed;
});

test("when the memory for arriving messages is used up, a message is answered 452 4.3.1 (RFC 5321 section 7.8)", async () => {
  const budget = createByteBudget(() => 60_000);
  await using intake = await startIntake({ budget });
  await using first = await connectAndGreet(intake.port);
  await using second = await connectAndGreet(intake.port);
  await beginData(second);
  second.send(`${"x".repeat(50_000)}\r\n.\r\n`);
  assert.match((await second.reply()) ?? "", /^250 /, "alone it fits");
  assert.ok(budget.take(50_000));
  await beginData(first);
  first.send(`${"x".repeat(50_000)}\r\n.\r\n`);
  assert.match((await first.reply()) ?? "", /^452 4\.3\.1 /);
  budget.giveBack(50_000);
  assert.ok(budget.take(60_000), "all of it was given back");
});

test("a message in a loop is refused 554 5.4.6 (RFC 5321 section 6.3)", async () => {
  await using intake = await startIntake({ maxReceived: 5 });
  await using client = await connectAndGreet(intake.port);
  await beginData(client);
  client.send(`${"Received: from x by y; z\r\n".repeat(6)}\r\n.\r\n`);
  assert.match((await client.reply()) ?? "", /^554 5\.4\.6 /);
});

test("a command line without an end is cut off", async () => {
  await using intake = await startIntake();
  await using client = await connectAndGreet(intake.port);
  client.send("X".repeat(20_000));
  assert.match((await client.reply()) ?? "", /^421 /);
  await client.closed;
});
