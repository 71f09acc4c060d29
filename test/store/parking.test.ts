import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../../src/store/connection.ts";
import { followClosedDestinations } from "../../src/store/closed-destinations.ts";
import { delayedKey } from "../../src/store/queue-layout.ts";
import { park, wakeAllParked, wakeParked } from "../../src/store/parking.ts";
import { startTestRedis } from "../support/redis.ts";
import { until } from "./support.ts";

async function open() {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await startTestRedis());
  const target = { socketPath: server.socketPath };
  const connection = await connect({ target, onState: () => undefined });
  stack.defer(() => connection.close());
  return { connection, redis: connection.redis, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("parked jobs are made due one after the other, the longest waiting first, and those that have left do not count", async () => {
  await using store = await open();
  const { redis } = store;
  const later = 2_000_000_000_000 * 0x1000;
  for (const id of ["m1/a.test", "m2/a.test", "m3/a.test", "m4/a.test"]) {
    await redis.zadd(delayedKey, later, id);
    await park(redis, "a.test", id);
  }
  await redis.zrem(delayedKey, "m1/a.test");
  const now = 1_700_000_000_000;
  assert.equal(await wakeParked(redis, "a.test", 2, now), 2);
  const due = await redis.zrangebyscore(delayedKey, 0, now * 0x1000);
  assert.deepEqual(due.toSorted(), ["m2/a.test", "m3/a.test"]);
  assert.equal(await wakeParked(redis, "b.test", 2, now), 0);
  assert.equal(await wakeParked(redis, "a.test", 5, now), 1);
  assert.equal(await wakeParked(redis, "a.test", 5, now), 0);
});

test("after a process has died some of each destination's parked jobs are made due, whoever should have woken them", async () => {
  await using store = await open();
  const { redis } = store;
  for (const id of ["m1/a.test", "m2/a.test", "m3/a.test", "m4/b.test"]) {
    await redis.zadd(delayedKey, 2_000_000_000_000 * 0x1000, id);
    await park(redis, id.slice(3), id);
  }
  const now = 1_700_000_000_000;
  await wakeAllParked(redis, 2, now);
  const due = await redis.zrangebyscore(delayedKey, 0, now * 0x1000);
  assert.deepEqual(due.toSorted(), ["m1/a.test", "m2/a.test", "m4/b.test"]);
});

test("a destination that one process closes is closed for the others within a second or so, and open again for all", async () => {
  await using store = await open();
  const one = followClosedDestinations({ connection: store.connection, now: Date.now });
  const other = followClosedDestinations({ connection: store.connection, now: Date.now });
  const closing = { until: Date.now() + 60_000, because: "it refuses connections", closings: 1 };
  one.close("dead.test", closing);
  assert.deepEqual(one.closing("dead.test"), closing);
  await until(() => Promise.resolve(other.closing("dead.test") !== undefined), "the other knows");
  assert.deepEqual(other.closing("dead.test"), closing);
  other.open("dead.test");
  await until(() => Promise.resolve(one.closing("dead.test") === undefined), "it is open for the first one too");
  one.stop();
  other.stop();
});
