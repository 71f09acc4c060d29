/** Many connections that do nothing, or next to nothing, beside one that sends mail. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { submitMessage } from "../../src/lab/submit.ts";
import { type Client, connectAndGreet, connectClient } from "../submission/support/client.ts";
import { until } from "../store/support.ts";
import { startTestRelay } from "../support/relay.ts";

const message = { from: "app@sender.test", to: ["user@nowhere.test"], data: "Subject: x\r\n\r\nx\r\n" };

const closeAll = (clients: Client[]) => Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));

/** Mail is accepted; nothing is delivered, for there is no DNS. */
const settings = { dns: { servers: ["127.0.0.1:1"] } };

async function slowestOf(count: number, port: number): Promise<number> {
  let slowestMs = 0;
  for (let i = 0; i < count; i++) {
    const startedAt = performance.now();
    assert.equal((await submitMessage({ host: "127.0.0.1", port }, message)).kind, "queued");
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
  }
  return slowestMs;
}

test("1,000 idle connections, 100 that drip a message and 100 that drip a command do not hinder a client (RFC 5321 section 7.8)", async () => {
  await using relay = await startTestRelay(undefined, {
    ...settings,
    submission: { maxConnections: 1_500, maxConnectionsPerClient: 1_500 },
  });
  const clients: Client[] = [];
  for (let i = 0; i < 20; i++) {
    clients.push(...(await Promise.all(Array.from({ length: 60 }, () => connectAndGreet(relay.port)))));
  }
  const dripping = clients.slice(0, 100);
  await Promise.all(
    dripping.map(async (client) => {
      await client.command("MAIL FROM:<app@sender.test>");
      await client.command("RCPT TO:<user@nowhere.test>");
      assert.match((await client.command("DATA")) ?? "", /^354 /);
    }),
  );
  const drip = setInterval(() => {
    for (const client of clients.slice(0, 200)) client.send("x");
  }, 20);
  const slowestMs = await slowestOf(20, relay.port);
  clearInterval(drip);
  assert.ok(slowestMs < 1_000, `the slowest of 20 messages took ${Math.round(slowestMs)} ms`);
  const [first] = dripping;
  assert.match((await first?.command("\r\n.")) ?? "", /^250 /, "who drips is served too, once done");
  await closeAll(clients);
});

test("1,000 idle connections from 5 addresses take all there are, at the default limits; a client is served all the same", async () => {
  await using relay = await startTestRelay(undefined, { ...settings, submission: { idleTimeout: "4s" } });
  const clients: Client[] = [];
  for (let i = 0; i < 1_000; i += 50) {
    const localAddress = `127.0.0.${10 + Math.floor(i / 200)}`;
    clients.push(...(await Promise.all(Array.from({ length: 50 }, () => connectClient(relay.port, { localAddress })))));
  }
  await using oneMore = await connectClient(relay.port, { localAddress: "127.0.0.10" });
  assert.equal(await oneMore.reply(), "421 4.7.0 Too many connections from your address");
  // As a client would: turned away, it comes again.
  const served = () =>
    submitMessage({ host: "127.0.0.1", port: relay.port }, message).then(
      ({ kind }) => kind === "queued",
      () => false,
    );
  await until(served, "a message is taken");
  await relay.logged("submission-refused", { reply: "421 4.7.0 Idle while others wait for a connection" });
  await closeAll(clients);
});
