/** Several machines over one Redis: one takes mail, another delivers it. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createRelayProcess, type RelayProcess } from "../../scripts/lib/relay-process.ts";
import { startSink } from "../../scripts/lib/sink.ts";
import { createSubmitter } from "../../scripts/lib/submitter.ts";
import { until } from "../store/support.ts";
import { startTcpRedis } from "../support/tcp-redis.ts";

const line = (relay: RelayProcess, event: string) => relay.log().find((one) => one.event === event);

test("what a relay with the role submission takes, one with the role delivery delivers", async (t) => {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const redis = stack.use(await startTcpRedis());
  const sink = await startSink();
  stack.defer(() => sink.close());
  const start = async (work: { role: string; processes?: number }) => {
    const dir = await mkdtemp(join(tmpdir(), "sts-relay-roles-"));
    stack.defer(() => rm(dir, { recursive: true, force: true }));
    const settings = { dir, sink, domains: ["fast-1.test"], change: { admin: { port: 0 } }, logLevel: "info", work };
    const relay = await createRelayProcess({ ...settings, redisUrl: redis.url }, stack);
    relay.start();
    await until(() => line(relay, "started") !== undefined, `${work.role} is ready`);
    return relay;
  };
  const checksOf = async (relay: RelayProcess) => {
    const response = await fetch(new URL("/readyz", String(line(relay, "admin-open")?.["url"])));
    const { checks } = (await response.json()) as { checks: Record<string, { ok: boolean }> };
    return Object.fromEntries(Object.entries(checks).map(([name, { ok }]) => [name, ok]));
  };

  const front = await start({ role: "submission" });
  assert.equal(line(front, "started")?.["role"], "submission");
  const submitter = createSubmitter(front.port);
  stack.defer(() => submitter.close());
  const letter = { number: 1, to: ["user@fast-1.test"], text: "Subject: roles\r\n\r\nhello" };
  assert.equal((await submitter.hand(letter)).kind, "taken");
  assert.deepEqual(await checksOf(front), { redis: true, resolver: true, listener: true });
  assert.equal(sink.copies.length, 0, "nobody delivers yet");

  const back = await start({ role: "delivery", processes: 2 });
  assert.deepEqual(line(back, "started")?.["listeners"], []);
  await until(() => sink.byRecipient.has("user@fast-1.test"), "it is delivered");
  assert.deepEqual(await checksOf(back), { redis: true, resolver: true, workers: true, processes: true });
  assert.equal((await createSubmitter(back.port).hand(letter)).kind, "unsent", "it has no listener");
  assert.equal(line(front, "delivered"), undefined);
  assert.equal(await back.kill("SIGTERM"), 0);
  assert.equal(await front.kill("SIGTERM"), 0);
});
