import assert from "node:assert/strict";
import { test } from "node:test";
import { createMailQueue, type MailQueue } from "../../src/store/mail-queue.ts";
import { sweepOrphans } from "../../src/store/sweeper.ts";
import { startTestRedis } from "../support/redis.ts";
import { lifetimeMs, messageTo, open, type Opened } from "./support.ts";

const acceptedAt = messageTo("M", []).acceptedAt;
const hourMs = 60 * 60 * 1_000;

async function withQueue(use: (queue: MailQueue, connection: Opened) => Promise<void>): Promise<void> {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const queue = createMailQueue({ connection });
  try {
    await use(queue, connection);
  } finally {
    await queue.close();
  }
}

const sweep = (connection: Opened, atMs: number) =>
  sweepOrphans({ connection, now: () => acceptedAt + atMs, signal: new AbortController().signal });

test("a body with a job is never touched, however old it is", () =>
  withQueue(async (queue, connection) => {
    await queue.add(messageTo("M1", ["a@one.example", "b@[IPv6:2001:db8::1]"]), { lifetimeMs });
    assert.deepEqual(await sweep(connection, 1_000 * hourMs), []);
    assert.equal(await connection.redis.hlen("{relay}:body:M1"), 4, "text, history, and a field for each job");
  }));

test("a body waits no more for a job that does not exist, and goes when it waits for none", () =>
  withQueue(async (queue, connection) => {
    await queue.add(messageTo("M1", ["a@one.example", "b@two.example"]), { lifetimeMs });
    await connection.redis.del("{relay}:delivery:M1/one.example");
    const since = acceptedAt;
    assert.deepEqual(await sweep(connection, hourMs), [{ messageId: "M1", domain: "one.example", since }]);
    assert.deepEqual(await connection.redis.hkeys("{relay}:body:M1"), ["data", "open:two.example", "accepted"]);
    await connection.redis.del("{relay}:delivery:M1/two.example");
    assert.deepEqual(await sweep(connection, hourMs), [{ messageId: "M1", domain: "two.example", since }]);
    assert.equal(await connection.redis.exists("{relay}:body:M1"), 0);
  }));

test("a body younger than an hour, or of unknown age, is left alone: it may be on its way in", () =>
  withQueue(async (_queue, connection) => {
    const since = new Date(acceptedAt).toISOString();
    await connection.redis.hset("{relay}:body:M1", { data: "x", "open:one.example": since });
    await connection.redis.hset("{relay}:body:M2", { data: "x", "open:one.example": "?" });
    assert.deepEqual(await sweep(connection, hourMs - 1), []);
    assert.equal((await sweep(connection, hourMs)).length, 1);
    assert.equal(await connection.redis.exists("{relay}:body:M1", "{relay}:body:M2"), 1);
  }));

test("all bodies are gone through, also when there are many", () =>
  withQueue(async (_queue, connection) => {
    const since = new Date(acceptedAt).toISOString();
    const pipeline = connection.redis.pipeline();
    for (let i = 0; i < 1_000; i++) pipeline.hset(`{relay}:body:M${i}`, { data: "x", "open:one.example": since });
    await pipeline.exec();
    assert.equal(new Set((await sweep(connection, hourMs)).map(({ messageId }) => messageId)).size, 1_000);
    assert.equal((await connection.redis.keys("{relay}:body:*")).length, 0);
  }));

test("aborted, the sweep stops", () =>
  withQueue(async (_queue, connection) => {
    const signal = AbortSignal.abort(new Error("the relay stops"));
    await assert.rejects(sweepOrphans({ connection, now: Date.now, signal }), /the relay stops/);
  }));
