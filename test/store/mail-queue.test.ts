import assert from "node:assert/strict";
import { test } from "node:test";
import { readBody } from "../../src/store/body.ts";
import { deliveryJobs } from "../../src/store/delivery-jobs.ts";
import { fromRecord } from "../../src/store/job-record.ts";
import { createMailQueue, type MailQueue } from "../../src/store/mail-queue.ts";
import { StoreError } from "../../src/store/store-error.ts";
import { closeBody } from "../support/close-body.ts";
import { startTestRedis, type TestRedis } from "../support/redis.ts";
import { lifetimeMs, messageTo, open, type Opened, redisCli, until } from "./support.ts";

type Bench = { redis: TestRedis; connection: Opened; queue: MailQueue };

/** A Redis, a connection and a queue, all closed in the end. */
async function withQueue(
  use: (bench: Bench) => Promise<void>,
  options: { maxMemoryBytes?: number; commandTimeoutMs?: number; stopIntakeAt?: number } = {},
): Promise<void> {
  const { maxMemoryBytes, commandTimeoutMs = 5_000, stopIntakeAt = 1 } = options;
  await using redis = await startTestRedis(maxMemoryBytes === undefined ? {} : { maxMemoryBytes });
  await using connection = await open(redis.socketPath, { commandTimeoutMs });
  const queue = createMailQueue({ connection, stopIntakeAt });
  try {
    await use({ redis, connection, queue });
  } finally {
    await queue.close();
  }
}

async function rejection(promise: Promise<void>): Promise<{ code: string; tookMs: number }> {
  const begun = performance.now();
  try {
    await promise;
  } catch (err) {
    if (!(err instanceof StoreError)) throw err;
    return { code: err.code, tookMs: performance.now() - begun };
  }
  return { code: "accepted", tookMs: performance.now() - begun };
}

test("body and jobs of a message are plain keys that an operator reads with redis-cli", () =>
  withQueue(async ({ redis, queue }) => {
    await queue.add(messageTo("M1", ["a@one.example", "b@two.example"]), { lifetimeMs });
    const keys = await redisCli(redis.socketPath, "HKEYS", "{relay}:body:M1");
    assert.match(keys, /"data"[^]*"open:one\.example"[^]*"open:two\.example"/);
    const job = await redisCli(redis.socketPath, "HGET", "{relay}:delivery:M1/one.example", "data");
    assert.match(job, /a@one\.example/);
    assert.match(job, /2026-11-27T10:00:00/);
    assert.equal(await redisCli(redis.socketPath, "HGET", "{relay}:delivery:M1/two.example", "name"), '"two.example"');
    assert.equal((await queue.counts()).waiting, 2);
  }));

test("a body comes back byte for byte", () =>
  withQueue(async ({ connection, queue }) => {
    const message = messageTo("M1", ["a@one.example"]);
    const data = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256));
    await queue.add({ ...message, data }, { lifetimeMs });
    assert.deepEqual(await readBody(connection.redis, "M1"), data);
    assert.equal(await readBody(connection.redis, "M2"), undefined);
  }));

test("mail to address literals is taken, IPv6 too (RFC 5321 section 4.1.3)", () =>
  withQueue(async ({ redis, queue }) => {
    await queue.add(messageTo("M1", ["a@[192.0.2.1]", "b@[IPv6:2001:db8::1]"]), { lifetimeMs });
    assert.equal((await queue.counts()).waiting, 2);
    const job = "{relay}:delivery:M1/[IPv6%3A2001%3Adb8%3A%3A1]";
    assert.equal(await redisCli(redis.socketPath, "HGET", job, "name"), '"[IPv6:2001:db8::1]"');
  }));

test("adding a message again adds nothing twice", () =>
  withQueue(async ({ queue }) => {
    const message = messageTo("M1", ["a@one.example", "b@two.example"]);
    await queue.add(message, { lifetimeMs });
    await queue.add(message, { lifetimeMs });
    assert.equal((await queue.counts()).waiting, 2);
  }));

test("every key carries the hash tag, BullMQ's too", () =>
  withQueue(async ({ connection, queue }) => {
    await queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs });
    for (const key of await connection.redis.keys("*")) assert.match(key, /^\{relay\}:/);
  }));

test("the body goes with the last of its jobs, whichever that is, and closing twice does no harm", () =>
  withQueue(async ({ connection, queue }) => {
    const domains = ["one.example", "two.example", "three.example"];
    const to = domains.map((domain) => `a@${domain}`);
    for (const [index, first] of domains.entries()) {
      // Of the last two the text lies in two pieces.
      await queue.add(messageTo(first, to, "x".repeat(10 + 4_200 * index)), { lifetimeMs });
      const rest = domains.filter((domain) => domain !== first);
      for (const domain of [first, first, rest[0] ?? ""]) {
        await closeBody(connection.redis, first, domain);
        assert.notEqual(await readBody(connection.redis, first), undefined, `${first}, then ${domain}`);
      }
      await closeBody(connection.redis, first, rest[1] ?? "");
      assert.equal(await connection.redis.exists(`{relay}:body:${first}`), 0);
      await closeBody(connection.redis, first, rest[1] ?? "");
      assert.equal(await connection.redis.exists(`{relay}:body:${first}`), 0);
    }
  }));

test("while Redis is away a message is refused within 100 ms, and nothing of it comes in later", () =>
  withQueue(async ({ redis, connection, queue }) => {
    const { pid } = redis;
    // Stopped first, so that it does not answer before it is dead.
    process.kill(pid, "SIGSTOP");
    const inFlight = rejection(queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs }));
    process.kill(pid, "SIGKILL");
    const afterwards = rejection(
      until(() => connection.states.includes("lost"), "lost").then(() =>
        queue.add(messageTo("M2", ["a@one.example"]), { lifetimeMs }),
      ),
    );
    for (const refused of await Promise.all([inFlight, afterwards])) {
      assert.equal(refused.code, "unavailable");
      assert.ok(refused.tookMs < 100, `took ${refused.tookMs} ms`);
    }
    await until(() => connection.states.at(-1) === "ready", "Redis is back");
    assert.equal((await queue.counts()).waiting, 0);
    await queue.add(messageTo("M3", ["a@one.example"]), { lifetimeMs });
    assert.equal((await queue.counts()).waiting, 1);
  }));

test("while Redis hangs a message is refused at the time limit, further ones at once", () =>
  withQueue(
    async ({ redis, connection, queue }) => {
      process.kill(redis.pid, "SIGSTOP");
      try {
        const first = await rejection(queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs }));
        assert.equal(first.code, "unavailable");
        assert.ok(first.tookMs > 250 && first.tookMs < 1_500, `took ${first.tookMs} ms`);
        await until(() => connection.states.includes("lost"), "the hung connection is given up");
        const next = await rejection(queue.add(messageTo("M2", ["a@one.example"]), { lifetimeMs }));
        assert.equal(next.code, "unavailable");
        assert.ok(next.tookMs < 100, `took ${next.tookMs} ms`);
      } finally {
        process.kill(redis.pid, "SIGCONT");
      }
    },
    { commandTimeoutMs: 300 },
  ));

test("a Redis without memory is full, keeps what it has, and has no half of the refused message", () =>
  withQueue(
    async ({ connection, queue }) => {
      const data = "x".repeat(256 * 1024);
      let taken = 0;
      let refused = { code: "accepted" };
      while (refused.code === "accepted" && taken < 100) {
        refused = await rejection(queue.add(messageTo(`M${taken}`, ["a@one.example"], data), { lifetimeMs }));
        if (refused.code === "accepted") taken++;
      }
      assert.equal(refused.code, "full");
      assert.ok(taken > 1, `${taken} taken`);
      assert.equal(
        await connection.redis.exists(`{relay}:body:M${taken}`, `{relay}:delivery:M${taken}/one.example`),
        0,
      );
      assert.equal((await queue.counts()).waiting, taken);
    },
    { maxMemoryBytes: 8 * 1024 * 1024, stopIntakeAt: 2 },
  ));

test("over the watermark no mail is taken, but bounces are", () =>
  withQueue(
    async ({ connection, queue }) => {
      const add = (id: string) => rejection(queue.add(messageTo(id, ["a@one.example"]), { lifetimeMs }));
      await until(async () => (await add("M1")).code === "over-watermark", "intake stops");
      const [cause] = deliveryJobs(messageTo("M1", ["a@one.example"]), lifetimeMs);
      assert.ok(cause);
      await queue.addBounce(messageTo("B1", ["app@sender.example"]), lifetimeMs, { ...cause, attempt: 1 });
      assert.equal(await connection.redis.exists("{relay}:delivery:B1/sender.example"), 1);
    },
    { stopIntakeAt: 0.001 },
  ));

test("when Redis has forgotten its scripts, mail is taken all the same, and by transaction again after that", () =>
  withQueue(async ({ connection, queue }) => {
    const to = ["a@one.example", "b@two.example"];
    await queue.add(messageTo("M1", to), { lifetimeMs });
    await connection.redis.script("FLUSH");
    await queue.add(messageTo("M2", to), { lifetimeMs });
    assert.notEqual(await readBody(connection.redis, "M2"), undefined);
    await queue.add(messageTo("M3", to), { lifetimeMs });
    assert.equal((await queue.counts()).waiting, 6);
  }));

test("a bounce and the new data of its job are written together, also when Redis has forgotten its scripts", () =>
  withQueue(async ({ connection, queue }) => {
    const jobKey = "{relay}:delivery:M1/one.example";
    const dataOf = async () => fromRecord(JSON.parse((await connection.redis.hget(jobKey, "data")) ?? "{}"));
    await queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs });
    for (const [id, attempt] of [
      ["B1", 1],
      ["B2", 2],
    ] as const) {
      await queue.addBounce(messageTo(id, ["app@sender.example"]), lifetimeMs, { ...(await dataOf()), attempt });
      assert.equal((await dataOf()).attempt, attempt);
      assert.equal(await connection.redis.exists(`{relay}:delivery:${id}/sender.example`), 1);
      await connection.redis.script("FLUSH");
    }
    // A job that is gone does not come back as a torso.
    const cause = await dataOf();
    await connection.redis.del(jobKey);
    await queue.addBounce(messageTo("B3", ["app@sender.example"]), lifetimeMs, cause);
    assert.equal(await connection.redis.exists(jobKey), 0);
    assert.equal(await connection.redis.exists("{relay}:delivery:B3/sender.example"), 1);
  }));

test("what was taken is there after Redis was killed and started again", () =>
  withQueue(async ({ redis, connection, queue }) => {
    await queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs });
    const { pid } = redis;
    process.kill(pid, "SIGKILL");
    await until(() => redis.pid !== pid && connection.states.at(-1) === "ready", "Redis is back");
    assert.equal((await queue.counts()).waiting, 1);
    assert.notEqual(await readBody(connection.redis, "M1"), undefined);
  }));

test("a message to thousands of domains is taken in one step, with a job for each", () =>
  withQueue(async ({ queue, connection: { redis } }) => {
    const to = Array.from({ length: 3_000 }, (_, index) => `a@d${index}.example`);
    await queue.add(messageTo("MANY", to), { lifetimeMs });
    const open = (await redis.hkeys("{relay}:body:MANY")).filter((field) => field.startsWith("open:"));
    assert.deepEqual(new Set(open), new Set(to.map((address) => `open:${address.slice(2)}`)));
    assert.equal(await redis.llen("{relay}:delivery:wait"), 3_000);
    assert.equal(await redis.hget("{relay}:body:MANY", "data"), "Subject: hello\r\n\r\nhello\r\n");
  }));
