/** The relay as a process that is told to stop: what is in flight ends, the rest waits for the next start. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createRelayProcess, type RelayProcess } from "../../scripts/lib/relay-process.ts";
import { startSink, type Sink } from "../../scripts/lib/sink.ts";
import { createSubmitter, handUntilTaken } from "../../scripts/lib/submitter.ts";
import { identify, isSame } from "../../src/store/process-identity.ts";
import { until } from "../store/support.ts";

const DOMAINS = ["fast-1.test", "slow-1.test", "slow-2.test", "mute-1.test"];

async function setUp(t: TestContext, grace: string): Promise<{ relay: RelayProcess; sink: Sink }> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const dir = await mkdtemp(join(tmpdir(), "sts-relay-drain-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const sink = await startSink();
  stack.defer(() => sink.close());
  const change = { shutdown: { grace } };
  const relay = await createRelayProcess({ dir, sink, domains: DOMAINS, change, logLevel: "info" }, stack);
  relay.start();
  return { relay, sink };
}

async function hand(relay: RelayProcess, number: number, domain: string): Promise<string> {
  const submitter = createSubmitter(relay.port);
  const to = `user${number}@${domain}`;
  await handUntilTaken(
    submitter,
    { number, to: [to], text: "Subject: drain\r\n\r\nhello" },
    AbortSignal.timeout(10_000),
    20,
  );
  submitter.close();
  return to;
}

const isLogged = (relay: RelayProcess, event: string) => relay.log().some((line) => line.event === event);

test("SIGTERM lets deliveries in flight end and puts the rest back: over restarts nothing is lost, nothing comes twice", async (t) => {
  const { relay, sink } = await setUp(t, "5s");
  const sent: string[] = [];
  for (let round = 0; round < 2; round++) {
    if (round > 0) relay.start();
    const before = sink.copies.length;
    const numbers = Array.from({ length: 30 }, (_, i) => round * 30 + i);
    sent.push(...(await Promise.all(numbers.map((i) => hand(relay, i, `slow-${(i % 2) + 1}.test`)))));
    await until(() => sink.copies.length > before, "deliveries are under way");
    const begun = performance.now();
    assert.equal(await relay.kill("SIGTERM"), 0);
    assert.ok(performance.now() - begun < 5_000, "within the grace");
  }
  relay.start();
  const restartedAt = Date.now();
  await until(() => sent.every((recipient) => sink.byRecipient.has(recipient)), "all has arrived");
  assert.ok(Date.now() - restartedAt < 8_000, "what was put back is not put off");
  assert.equal(sink.copies.length, sent.length);
  assert.equal(await relay.kill("SIGTERM"), 0);
});

test("a delivery that outlasts the grace is broken off and put back", async (t) => {
  const { relay, sink } = await setUp(t, "300ms");
  await hand(relay, 1, "mute-1.test");
  await until(() => sink.messagesSeen() === 1, "the host has the message and says nothing");
  const begun = performance.now();
  assert.equal(await relay.kill("SIGTERM"), 0);
  assert.ok(performance.now() - begun < 5_000);
  relay.start();
  await until(() => sink.messagesSeen() === 2, "it is tried again at once");
});

test("a second signal ends the relay at once, and the next start goes on with its mail", async (t) => {
  const { relay, sink } = await setUp(t, "1h");
  await hand(relay, 1, "mute-1.test");
  await until(() => sink.messagesSeen() === 1, "the host has the message and says nothing");
  const redis = identify(relay.redisPid() ?? 0);
  assert.ok(redis !== undefined);
  const ended = relay.kill("SIGTERM");
  await until(() => isLogged(relay, "stopping"), "it drains");
  const begun = performance.now();
  await relay.kill("SIGTERM");
  assert.equal(await ended, 128 + 15);
  assert.ok(performance.now() - begun < 1_000);
  await until(() => !isSame(redis), "its Redis is not left behind");
  relay.start();
  await until(() => sink.messagesSeen() === 2, "it is tried again");
});
