import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoreConnection } from "../../src/store/connection.ts";
import { startDeliveryWorker } from "../../src/store/delivery-worker.ts";
import { deliveryJobId } from "../../src/store/keys.ts";
import { createMailQueue } from "../../src/store/mail-queue.ts";
import { delayedKey, dueAtOfScore } from "../../src/store/queue-layout.ts";
import { wakeDomains } from "../../src/store/wake.ts";
import { startTestRedis } from "../support/redis.ts";
import { lifetimeMs, messageTo, open, until } from "./support.ts";

const LATER = Date.now() + 3_600_000;

/** Bare members of the set in which BullMQ keeps what is put off. */
async function delay(connection: StoreConnection, jobs: [id: string, dueAt: number][]): Promise<void> {
  for (let i = 0; i < jobs.length; i += 5_000) {
    const members = jobs.slice(i, i + 5_000).flatMap(([id, dueAt]) => [dueAt * 0x1000, id]);
    await connection.redis.zadd(delayedKey, ...members);
  }
}

const dueAt = async ({ redis }: StoreConnection, id: string) =>
  dueAtOfScore(Number(await redis.zscore(delayedKey, id)));

test("among 100,000 deliveries the few of a domain are found and made due within two seconds", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const others = Array.from({ length: 100_000 }, (_, i): [string, number] => [
    deliveryJobId(`m${i}`, i % 2 === 0 ? "not-a.example" : "a.example.org"),
    LATER,
  ]);
  const wanted = ["x1", "x2", "x3"].map((id): [string, number] => [deliveryJobId(id, "a.example"), LATER]);
  await delay(connection, [...others, ...wanted]);
  const startedAt = Date.now();
  assert.equal(await wakeDomains(connection.redis, ["a.example"], { now: startedAt }), 3);
  assert.ok(Date.now() - startedAt < 2_000, `${Date.now() - startedAt} ms`);
  for (const [id] of wanted) assert.equal(await dueAt(connection, id), startedAt);
  for (const [id] of others.slice(0, 10)) assert.equal(await dueAt(connection, id), LATER);
});

test("several domains at once, address literals too; what is due already keeps its place", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const domains = ["a.example", "b.example", "[IPv6:2001:db8::1]", "[192.0.2.1]"];
  const now = Date.now();
  await delay(connection, [
    ...domains.map((domain): [string, number] => [deliveryJobId("m1", domain), LATER]),
    [deliveryJobId("m2", "a.example"), now - 5_000],
    [deliveryJobId("m3", "c.example"), LATER],
  ]);
  assert.equal(await wakeDomains(connection.redis, [], { now }), 0);
  assert.equal(await wakeDomains(connection.redis, ["[192.0.2.1]"], { now }), 1, "alone, by a pattern");
  assert.equal(await wakeDomains(connection.redis, domains, { now }), 3);
  assert.equal(await dueAt(connection, deliveryJobId("m2", "a.example")), now - 5_000);
  assert.equal(await dueAt(connection, deliveryJobId("m3", "c.example")), LATER);
});

test("a worker takes at once what was made due", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const queue = createMailQueue({ connection });
  const seen: string[] = [];
  const worker = startDeliveryWorker({
    connection,
    queue,
    concurrency: 5,
    deliver: async ({ data }) => {
      seen.push(data.domain);
      return seen.length > 2 ? { kind: "finished" } : { kind: "again", at: LATER };
    },
    onFault: (where, err) => assert.fail(`${where}: ${String(err)}`),
  });
  await queue.add(messageTo("m1", ["u@a.example", "u@b.example"]), { lifetimeMs });
  await until(async () => (await queue.counts()).delayed === 2, "both are put off");
  assert.equal(await wakeDomains(connection.redis, ["b.example"], { now: Date.now() }), 1);
  await until(() => seen.length === 3, "it is taken");
  assert.equal(seen[2], "b.example");
  await worker.close(1_000);
  await queue.close();
});
