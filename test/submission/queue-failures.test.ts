import assert from "node:assert/strict";
import { test } from "node:test";
import { type Client, connectAndGreet } from "./support/client.ts";
import { startIntake } from "./support/intake.ts";

async function sendMessage(client: Client): Promise<string | undefined> {
  await client.command("MAIL FROM:<a@from.example>");
  await client.command("RCPT TO:<b@to.example>");
  await client.command("DATA");
  return client.command("Subject: x\r\n\r\nbody\r\n.");
}

const failure = (code?: string) => Object.assign(new Error("secret detail"), code === undefined ? {} : { code });

test("a queue that cannot take the message makes the client come again, and never says 250 (RFC 5321 section 4.2.1)", async () => {
  const cases: [err: unknown, reply: string, fault: boolean][] = [
    [failure("unavailable"), "451 4.3.0 Local error, try again later", false],
    [failure("full"), "452 4.3.1 Insufficient storage, try again later", false],
    [failure("over-watermark"), "452 4.3.1 Insufficient storage, try again later", false],
    [failure("surprise"), "451 4.3.0 Local error, try again later", true],
    [failure(), "451 4.3.0 Local error, try again later", true],
    ["not even an error", "451 4.3.0 Local error, try again later", true],
  ];
  for (const [err, reply, fault] of cases) {
    await using intake = await startIntake({
      enqueue: () => Promise.reject(err),
    });
    await using client = await connectAndGreet(intake.port);
    assert.equal(await sendMessage(client), reply);
    const names = intake.events.map((one) => one.event);
    assert.deepEqual(names, fault ? ["fault", "submissionRefused"] : ["submissionRefused"]);
    assert.equal(
      intake.events.at(-1)?.what["detail"],
      fault ? undefined : "secret detail",
      "the detail goes to the log",
    );
    assert.match((await client.command("NOOP")) ?? "", /^250 /, "the session goes on");
  }
});

test("an enqueue that throws at once is a fault, and answered 451", async () => {
  await using intake = await startIntake({
    enqueue: () => {
      throw failure();
    },
  });
  await using client = await connectAndGreet(intake.port);
  assert.match((await sendMessage(client)) ?? "", /^451 4\.3\.0 /);
  assert.ok(await intake.event("fault"));
});

test("a queue that hangs is answered for in time, with 451", async () => {
  await using intake = await startIntake({ enqueue: () => new Promise(() => {}), enqueueTimeoutMs: 30 });
  await using client = await connectAndGreet(intake.port);
  assert.match((await sendMessage(client)) ?? "", /^451 4\.3\.0 /);
  const refused = await intake.event("submissionRefused");
  assert.match(String(refused["detail"]), /no answer in 30 ms/);
});

test("a queue that fails after it was given up does no harm", async () => {
  const late = Promise.withResolvers<void>();
  await using intake = await startIntake({ enqueue: () => late.promise, enqueueTimeoutMs: 10 });
  await using client = await connectAndGreet(intake.port);
  assert.match((await sendMessage(client)) ?? "", /^451 /);
  late.reject(failure());
  assert.match((await client.command("NOOP")) ?? "", /^250 /);
});

test("a bug is logged as a fault and answered 451; the listener lives on", async () => {
  await using intake = await startIntake({
    now: () => {
      throw new Error("no clock");
    },
  });
  await using client = await connectAndGreet(intake.port);
  assert.equal(await sendMessage(client), "451 4.3.0 Local error, try again later");
  assert.equal((await intake.event("fault"))["where"], "submission");
  await using other = await connectAndGreet(intake.port);
  assert.match((await other.command("NOOP")) ?? "", /^250 /);
});
