import assert from "node:assert/strict";
import { test } from "node:test";
import type { AttemptEntry } from "../../src/mail/history.ts";
import { afterPutOff } from "../../src/store/after-put-off.ts";
import { closeIfNoJob, readBody } from "../../src/store/body.ts";
import { createHistoryReader, type HistoryReader } from "../../src/store/history.ts";
import { trimHistory } from "../../src/store/history-trim.ts";
import { createMailQueue, type MailQueue } from "../../src/store/mail-queue.ts";
import { deliveryJobs } from "../../src/store/delivery-jobs.ts";
import { closeBody } from "../support/close-body.ts";
import { startTestRedis } from "../support/redis.ts";
import { lifetimeMs, messageTo, open, type Opened, redisCli } from "./support.ts";

type Bench = { connection: Opened; queue: MailQueue; socketPath: string };

async function withQueue(use: (bench: Bench) => Promise<void>, keepsHistory = true): Promise<void> {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const queue = createMailQueue({ connection, keepsHistory });
  try {
    await use({ connection, queue, socketPath: redis.socketPath });
  } finally {
    await queue.close();
  }
}

const at = (minute: number) => Date.parse("2026-11-22T10:00:00Z") + minute * 60_000;

function message(id: string, messageId = `<${id}@app.example>`) {
  return {
    ...messageTo(id, ["a@one.example"]),
    origin: { client: "192.0.2.7", user: "app", protocol: "ESMTPSA", messageId },
  };
}

function attempt(number: number, change: Partial<AttemptEntry> = {}): AttemptEntry {
  return {
    kind: "attempt",
    at: new Date(at(number)).toISOString(),
    domain: "one.example",
    attempt: number,
    hosts: [
      {
        host: "mx.one.example",
        required: "opportunistic TLS, no policy",
        result: "delivered: 250 ok",
        verdict: "meets",
      },
    ],
    outcomes: [{ to: ["a@one.example"], state: "waiting", detail: "later" }],
    same: `same ${number}`,
    ...change,
  };
}

const putOff = async ({ connection }: Bench, id: string, entry: AttemptEntry) => {
  const [job] = deliveryJobs(message(id), lifetimeMs);
  assert.ok(job);
  await afterPutOff(connection.redis, job, at(entry.attempt), { entries: [entry] });
};

test("a message's history begins in the transaction that takes it, and an operator can read it in Redis", () =>
  withQueue(async ({ queue, connection, socketPath }) => {
    await queue.add(message("M1"), { lifetimeMs });
    const raw = await redisCli(socketPath, "HGET", "{relay}:body:M1", "accepted");
    assert.match(raw, /app@sender\.example/);
    const known = await createHistoryReader(connection).read("M1");
    assert.deepEqual(known?.entries, [
      {
        kind: "accepted",
        at: "2026-11-22T10:00:00.000Z",
        from: "app@sender.example",
        to: ["a@one.example"],
        recipients: 1,
        sizeBytes: message("M1").data.length,
        client: "192.0.2.7",
        user: "app",
        protocol: "ESMTPSA",
        messageId: "M1@app.example",
      },
    ]);
  }));

test("an attempt is written along with the end of its job, and a delivered message takes less than a kilobyte", () =>
  withQueue(async ({ queue, connection }) => {
    await queue.add(message("M1"), { lifetimeMs });
    await closeBody(connection.redis, "M1", "one.example", { now: at(1), entries: [attempt(1)] });
    const known = await createHistoryReader(connection).read("M1");
    assert.deepEqual(known?.entries.slice(1), [attempt(1)]);
    const bytes = await connection.redis.memory("USAGE", "{relay}:history:message:M1");
    assert.ok(Number(bytes) < 1024, `${bytes} bytes`);
    assert.equal(await connection.redis.zscore("{relay}:history:by-time", "M1"), String(at(1)));
  }));

test("what happens to a message goes behind how it came in, whatever is the first to happen", () =>
  withQueue(async (bench) => {
    const { queue, connection } = bench;
    const { redis } = connection;
    const history = createHistoryReader(connection);
    const kinds = async (id: string) => (await history.read(id))?.entries.map(({ kind }) => kind);
    const ids = ["put off", "delivered", "without a word", "swept"];
    for (const id of ids) await queue.add(message(id), { lifetimeMs });
    assert.deepEqual(await redis.keys("{relay}:history:message:*"), []);
    await putOff(bench, "put off", attempt(1));
    await closeBody(redis, "delivered", "one.example", { now: at(1), entries: [attempt(1)] });
    await closeBody(redis, "without a word", "one.example");
    await redis.del("{relay}:delivery:swept/one.example");
    assert.equal(await closeIfNoJob(redis, "swept", "one.example"), true);
    assert.deepEqual(await kinds("put off"), ["accepted", "attempt"]);
    assert.deepEqual(await kinds("delivered"), ["accepted", "attempt"]);
    assert.deepEqual(await kinds("without a word"), ["accepted"]);
    assert.deepEqual(await kinds("swept"), ["accepted"]);
    assert.deepEqual(await redis.keys("{relay}:body:*"), ["{relay}:body:put off"]);
    assert.equal(await redis.hexists("{relay}:body:put off", "accepted"), 0);
    await putOff(bench, "put off", attempt(2));
    assert.deepEqual(await kinds("put off"), ["accepted", "attempt", "attempt"]);
  }));

test("of a message to two domains the history goes on while one of them waits", () =>
  withQueue(async ({ queue, connection }) => {
    const both = { ...message("M1"), envelope: { ...message("M1").envelope, to: ["a@one.example", "b@two.example"] } };
    await queue.add(both, { lifetimeMs });
    await closeBody(connection.redis, "M1", "one.example", { now: at(1), entries: [attempt(1)] });
    assert.notEqual(await readBody(connection.redis, "M1"), undefined);
    await closeBody(connection.redis, "M1", "two.example", { now: at(2), entries: [attempt(2)] });
    assert.equal(await readBody(connection.redis, "M1"), undefined);
    const known = await createHistoryReader(connection).read("M1");
    assert.deepEqual(known?.entries.slice(1), [attempt(1), attempt(2)]);
  }));

test("a message is found by its Message-ID, with brackets and without, also where several share it", () =>
  withQueue(async ({ queue, connection }) => {
    const history = createHistoryReader(connection);
    await queue.add(message("M1", "<same@app.example>"), { lifetimeMs });
    await queue.add(message("M2", "<same@app.example>"), { lifetimeMs });
    await queue.add(message("M3", "<same@app.example.org>"), { lifetimeMs });
    assert.deepEqual(await history.withMessageId("<same@app.example>"), ["M1", "M2"]);
    assert.deepEqual(await history.withMessageId("same@app.example"), ["M1", "M2"]);
    assert.deepEqual(await history.withMessageId("same@app"), []);
  }));

test("attempts that go alike take one place and are counted; one that goes otherwise takes a new one", () =>
  withQueue(async (bench) => {
    await bench.queue.add(message("M1"), { lifetimeMs });
    const same = "down";
    for (const number of [1, 2, 3]) await putOff(bench, "M1", attempt(number, { same }));
    await putOff(bench, "M1", attempt(4, { same: "other" }));
    await putOff(bench, "M1", attempt(5, { same }));
    const known = await createHistoryReader(bench.connection).read("M1");
    assert.deepEqual(
      known?.entries.flatMap((entry) =>
        entry.kind === "attempt" ? [[entry.attempt, entry.times, entry.firstAt]] : [],
      ),
      [
        [3, 3, new Date(at(1)).toISOString()],
        [4, undefined, undefined],
        [5, undefined, undefined],
      ],
    );
  }));

test("a message keeps how it came in and its latest 199 entries", () =>
  withQueue(async (bench) => {
    await bench.queue.add(message("M1"), { lifetimeMs });
    for (let number = 1; number <= 230; number++) await putOff(bench, "M1", attempt(number));
    const entries = (await createHistoryReader(bench.connection).read("M1"))?.entries ?? [];
    assert.equal(entries.length, 200);
    assert.deepEqual([entries[0]?.kind, entries[1], entries.at(-1)], ["accepted", attempt(32), attempt(230)]);
  }));

test("the latest messages come first, and only those to which something has happened since", () =>
  withQueue(async (bench) => {
    for (const id of ["M1", "M2", "M3"]) await bench.queue.add(message(id), { lifetimeMs });
    await putOff(bench, "M2", attempt(5));
    await putOff(bench, "M1", attempt(7));
    const seen: string[] = [];
    for await (const slice of createHistoryReader(bench.connection).latest(at(1)))
      seen.push(...slice.map(({ id }) => id));
    assert.deepEqual(seen, ["M1", "M2"]);
  }));

test("all messages of one millisecond are listed, however many, and those that cannot match are not read", () =>
  withQueue(async (bench) => {
    const ids = Array.from({ length: 1_200 }, (_, index) => `M${String(index).padStart(4, "0")}`);
    await Promise.all(ids.map((id) => bench.queue.add(message(id), { lifetimeMs })));
    const list = async (mayMatch?: Parameters<HistoryReader["latest"]>[1]) => {
      const seen: string[] = [];
      const slices = createHistoryReader(bench.connection).latest(0, mayMatch);
      for await (const slice of slices) seen.push(...slice.map(({ id }) => id));
      return seen;
    };
    assert.deepEqual((await list()).sort(), ids);
    assert.deepEqual(await list((first) => first?.messageId === "M0007@app.example"), ["M0007"]);
  }));

test("the oldest are forgotten first, by age and by number, with all that led to them", () =>
  withQueue(async (bench) => {
    const ids = Array.from({ length: 450 }, (_, index) => `M${String(index).padStart(3, "0")}`);
    for (const id of ids) await bench.queue.add(message(id), { lifetimeMs });
    for (const [index, id] of ids.entries()) await putOff(bench, id, attempt(index + 1));
    const { redis } = bench.connection;
    const bounds = { retentionMs: 60_000_000, maxMessages: 1_000, memoryShare: 1 };
    assert.equal(await trimHistory(bench.connection, bounds, at(450)), 0);
    assert.equal(await trimHistory(bench.connection, { ...bounds, retentionMs: 400 * 60_000 }, at(450)), 50);
    assert.equal(await trimHistory(bench.connection, { ...bounds, maxMessages: 10 }, at(450)), 390);
    const kept = ids.slice(-10);
    assert.deepEqual(await redis.zrange("{relay}:history:by-time", "0", "-1"), kept);
    assert.deepEqual(
      (await redis.keys("{relay}:history:message:*")).sort(),
      kept.map((id) => `{relay}:history:message:${id}`),
    );
    assert.equal(await redis.zcard("{relay}:history:by-message-id"), 10);
  }));

test("with little memory left the history gives way, a fifth at a time", () =>
  withQueue(async (bench) => {
    for (let index = 0; index < 20; index++) await bench.queue.add(message(`M${index}`), { lifetimeMs });
    const bounds = { retentionMs: 60_000_000, maxMessages: 1_000, memoryShare: 0.000_1 };
    assert.equal(await trimHistory(bench.connection, bounds, at(1)), 4);
    assert.equal(await trimHistory(bench.connection, bounds, at(1)), 4);
  }));

test("trouble with the history hinders no mail: not when it comes in, not when it ends", () =>
  withQueue(async (bench) => {
    const { redis } = bench.connection;
    await redis.set("{relay}:history:message:M1", "not a list");
    await redis.set("{relay}:history:by-time", "not a sorted set");
    await bench.queue.add(message("M1"), { lifetimeMs });
    assert.equal((await bench.queue.counts()).waiting, 1);
    await closeBody(redis, "M1", "one.example", { now: at(1), entries: [attempt(1)] });
    assert.equal(await redis.exists("{relay}:body:M1"), 0);
  }));

test("a history that was thrown away is not begun anew by what comes later", () =>
  withQueue(async (bench) => {
    await bench.queue.add(message("M1"), { lifetimeMs });
    await trimHistory(bench.connection, { retentionMs: 60_000, maxMessages: 0, memoryShare: 1 }, at(0));
    await putOff(bench, "M1", attempt(1));
    assert.equal(await createHistoryReader(bench.connection).read("M1"), undefined);
    assert.equal(await bench.connection.redis.zcard("{relay}:history:by-time"), 0);
  }));

test("where no history is wanted, none is kept", () =>
  withQueue(async (bench) => {
    await bench.queue.add(message("M1"), { lifetimeMs });
    await putOff(bench, "M1", attempt(1));
    assert.deepEqual(await bench.connection.redis.keys("{relay}:history:*"), []);
  }, false));

test("how a message came in is kept also when its text has been lost", () =>
  withQueue(async ({ queue, connection }) => {
    await queue.add(message("M1"), { lifetimeMs });
    await connection.redis.hdel("{relay}:body:M1", "data", "rest");
    await connection.redis.del("{relay}:delivery:M1/one.example");
    await closeIfNoJob(connection.redis, "M1", "one.example");
    const [first] = await connection.redis.lrange("{relay}:history:message:M1", 0, -1);
    assert.equal(JSON.parse(first ?? "{}").kind, "accepted");
    assert.equal(await connection.redis.exists("{relay}:body:M1"), 0);
  }));
