/** Going through the whole queue while it changes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deliveryJobId, heldKey } from "../../src/store/keys.ts";
import { delayedKey, prioritizedKey, waitKey } from "../../src/store/queue-layout.ts";
import { type JobRef, scanQueue, type ScanOptions } from "../../src/store/queue-scan.ts";
import { startTestRedis } from "../support/redis.ts";
import { open, type Opened } from "./support.ts";

const DUE_AT = 1_795_000_000_000;

/** Bare members: a scan looks at nothing else. */
async function putOff(connection: Opened, count: number, dueAt: (index: number) => number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => deliveryJobId(`m${index}`, "a.example"));
  for (let i = 0; i < count; i += 5_000) {
    const members = ids.slice(i, i + 5_000).flatMap((id, index) => [dueAt(i + index) * 0x1000, id]);
    await connection.redis.zadd(delayedKey, ...members);
  }
  return ids;
}

async function idsOf({ redis }: Opened, options?: ScanOptions): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const { jobs } of scanQueue(redis, options)) for (const { id } of jobs) found.add(id);
  return found;
}

test("every job is found, whatever times they have in common", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const cases: [what: string, count: number, dueAt: (index: number) => number][] = [
    ["none", 0, () => DUE_AT],
    ["as many as a step has", 1_000, (index) => DUE_AT + index],
    ["one more", 1_001, (index) => DUE_AT + index],
    ["all at one time, more than a step has", 2_500, () => DUE_AT],
    ["all at one time, exactly two steps", 2_000, () => DUE_AT],
    ["many at one time among others", 5_000, (index) => DUE_AT + Math.max(1_500, Math.min(index, 4_000))],
  ];
  for (const [what, count, dueAt] of cases) {
    const ids = await putOff(connection, count, dueAt);
    for (const withTimes of [false, true]) {
      assert.deepEqual([...(await idsOf(connection, { withTimes }))].toSorted(), ids.toSorted(), what);
    }
    await connection.redis.del(delayedKey);
  }
});

test("a job that stays is found, though others come, leave and get other times meanwhile", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const ids = await putOff(connection, 5_000, (index) => DUE_AT + Math.floor(index / 3));
  const stays = ids.filter((_, index) => index % 2 === 0);
  const moves = ids.filter((_, index) => index % 2 === 1);
  const found = new Set<string>();
  let step = 0;
  for await (const { jobs } of scanQueue(connection.redis)) {
    for (const { id } of jobs) found.add(id);
    const some = moves.splice(0, 700);
    step += 1;
    if (some.length === 0) continue;
    if (step % 2 === 0) await connection.redis.zrem(delayedKey, ...some);
    else await connection.redis.zadd(delayedKey, ...some.flatMap((id) => [DUE_AT * 0x1000, id]));
    await connection.redis.zadd(delayedKey, (DUE_AT + 9_999) * 0x1000, deliveryJobId(`new${step}`, "a.example"));
  }
  assert.ok(step > 4);
  assert.deepEqual(
    stays.filter((id) => !found.has(id)),
    [],
  );
});

test("jobs of one domain are picked out in every state, also those to an address literal", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const domains = ["a.example", "b.a.example", "not-a.example", "[IPv6:2001:db8::1]", "[192.0.2.1]"];
  for (const domain of domains) {
    await connection.redis.zadd(heldKey, DUE_AT, deliveryJobId("held", domain));
    await connection.redis.zadd(delayedKey, DUE_AT * 0x1000, deliveryJobId("deferred", domain));
    await connection.redis.lpush(waitKey, deliveryJobId("waiting", domain));
    await connection.redis.zadd(prioritizedKey, 1, deliveryJobId("due", domain));
  }
  for (const to of domains) {
    const found: JobRef[] = [];
    for await (const { jobs } of scanQueue(connection.redis, { to, withTimes: true })) found.push(...jobs);
    assert.deepEqual(
      found.map(({ message, domain, state, at }) => [message, domain, state, at]),
      [
        ["held", to, "held", DUE_AT],
        ["deferred", to, "deferred", DUE_AT],
        ["waiting", to, "waiting", undefined],
        ["due", to, "due", undefined],
      ],
      to,
    );
  }
});
