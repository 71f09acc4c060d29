import assert from "node:assert/strict";
import { test } from "node:test";
import { Queue } from "bullmq";
import { deliveryJobs } from "../../src/store/delivery-jobs.ts";
import { toRecord } from "../../src/store/job-record.ts";
import { startDeliveryWorker } from "../../src/store/delivery-worker.ts";
import { createMailQueue } from "../../src/store/mail-queue.ts";
import { deliveryJobKey, deliveryQueue, keyPrefix } from "../../src/store/keys.ts";
import { delayedKey, markerKey, waitKey } from "../../src/store/queue-layout.ts";
import { fillQueue } from "../support/fill-queue.ts";
import { startTestRedis } from "../support/redis.ts";
import { lifetimeMs, messageTo, open, until } from "./support.ts";

test("a job is added as BullMQ would, but for the options that all have, and without a word in its stream", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const mail = createMailQueue({ connection });
  const theirs = new Queue(deliveryQueue, { connection: connection.redis, prefix: keyPrefix });
  const message = messageTo("OURS", ["a@one.example"]);
  await mail.add(message, { lifetimeMs });
  assert.equal(await connection.redis.exists(deliveryJobKey("events")), 0);
  const [data] = deliveryJobs(message, lifetimeMs).map(toRecord);
  await theirs.add("one.example", data, { jobId: "THEIRS", removeOnComplete: true });
  assert.deepEqual(await connection.redis.lrange(waitKey, 0, -1), ["THEIRS", "OURS/one.example"]);
  const fieldsOf = async (id: string) => {
    const { timestamp, ...fields } = await connection.redis.hgetall(deliveryJobKey(id));
    assert.ok(Math.abs(Number(timestamp) - Date.now()) < 60_000, `${id} has its time`);
    return fields;
  };
  assert.deepEqual(await fieldsOf("OURS/one.example"), { ...(await fieldsOf("THEIRS")), opts: "{}" });
  await theirs.close();
  await mail.close();
});

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

test("of a job that is done nothing is left, also not its log, and what others write into BullMQ's stream is cut", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const queue = createMailQueue({ connection });
  const logs = deliveryJobKey("M0/one.example:logs");
  await connection.redis.rpush(logs, "a word");
  const many = connection.redis.pipeline();
  for (let i = 0; i < 3_000; i++) many.xadd(deliveryJobKey("events"), "*", "event", "paused");
  await many.exec();
  const worker = startDeliveryWorker({
    connection,
    queue,
    concurrency: 1,
    deliver: async () => ({ kind: "finished" }),
    onFault: (where, err) => assert.fail(`${where}: ${String(err)}`),
  });
  await queue.add(messageTo("M0", ["a@one.example"]), { lifetimeMs });
  await until(async () => (await connection.redis.xlen(deliveryJobKey("events"))) < 2_000, "the stream is cut");
  await until(async () => (await connection.redis.keys("{relay}:body:*")).length === 0, "it is delivered");
  assert.deepEqual(await connection.redis.keys(deliveryJobKey("M0*")), []);
  await worker.close(1_000);
  await queue.close();
});
