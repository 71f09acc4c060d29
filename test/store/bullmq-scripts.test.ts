import assert from "node:assert/strict";
import { test } from "node:test";
import { startDeliveryWorker } from "../../src/store/delivery-worker.ts";
import { createMailQueue } from "../../src/store/mail-queue.ts";
import { delayedKey, markerKey } from "../../src/store/queue-layout.ts";
import { fillQueue } from "../support/fill-queue.ts";
import { startTestRedis } from "../support/redis.ts";
import { open, until } from "./support.ts";

test("of many jobs that are due at once a fetch brings back a few: nobody waits for Redis meanwhile", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const queue = createMailQueue({ connection });
  await fillQueue(connection.redis, 2_000, (index) => `d${index % 7}.example`);
  const due = await connection.redis.zrange(delayedKey, "0", "-1");
  await connection.redis.call("zadd", [delayedKey, ...due.flatMap((id) => [Date.now() * 0x1000, id])]);
  await connection.redis.zadd(markerKey, Date.now(), "1");
  const taken: string[] = [];
  const held = Promise.withResolvers<void>();
  const worker = startDeliveryWorker({
    connection,
    queue,
    concurrency: 3,
    deliver: async (job) => {
      taken.push(job.data.message);
      await held.promise;
      return { kind: "finished" };
    },
    onFault: (where, err) => assert.fail(`${where}: ${String(err)}`),
  });
  await until(() => taken.length === 3, "three jobs are begun");
  const waiting = await connection.redis.zcard(delayedKey);
  assert.ok(waiting >= 1_900, `${waiting} are left where they were`);
  held.resolve();
  await until(() => taken.length === 2_000, "all of them are delivered");
  assert.equal(new Set(taken).size, 2_000);
  await worker.close(1_000);
  await queue.close();
});
