import assert from "node:assert/strict";
import { test } from "node:test";
import { createLimiter } from "../../src/store/limiter.ts";
import { startTestRedis, type TestRedis } from "../support/redis.ts";
import { open, redisCli, until } from "./support.ts";

const rule = { name: "test", count: 3, periodMs: 60_000 };

test("two processes count together, each key for itself", async () => {
  await using server = await startTestRedis();
  await using one = await open(server.socketPath);
  await using other = await open(server.socketPath);
  const limiters = [one, other].map((connection) => createLimiter({ connection, ...rule }));
  const allowed: boolean[] = [];
  for (let i = 0; i < 6; i++) allowed.push((await limiters[i % 2]?.take("key"))?.allowed ?? false);
  assert.deepEqual(allowed, [true, true, true, false, false, false]);
  assert.equal((await limiters[0]?.take("other key"))?.allowed, true);
});

test("a refusal says how long it holds, and does not make it longer: no key is shut out for good", async () => {
  await using server = await startTestRedis();
  await using connection = await open(server.socketPath);
  const limiter = createLimiter({ connection, name: "short", count: 1, periodMs: 1_000 });
  const startedAt = Date.now();
  assert.deepEqual((await limiter.take("key")).allowed, true);
  const refused = await limiter.take("key");
  assert.equal(refused.allowed, false);
  assert.ok(refused.resetMs > 0 && refused.resetMs <= 1_000, String(refused.resetMs));
  await until(
    async () => (await limiter.take("key")).allowed,
    "the key begins anew while it is asked for again and again",
  );
  assert.ok(Date.now() - startedAt >= 990);
});

test("what is given back can be taken again", async () => {
  await using server = await startTestRedis();
  await using connection = await open(server.socketPath);
  const limiter = createLimiter({ connection, ...rule });
  for (let i = 0; i < 10; i++) {
    assert.deepEqual(await limiter.take("key").then(({ allowed, used }) => ({ allowed, used })), {
      allowed: true,
      used: 1,
    });
    await limiter.giveBack("key");
  }
});

test("a longer time that was counted over before does not hold a key that is counted over a shorter one now", async () => {
  await using server = await startTestRedis();
  await using connection = await open(server.socketPath);
  const before = createLimiter({ connection, name: "changed", count: 1, periodMs: 86_400_000 });
  await before.take("key");
  assert.equal((await before.take("key")).allowed, false);
  const after = createLimiter({ connection, name: "changed", count: 1, periodMs: 1_000 });
  assert.equal((await after.take("key")).allowed, true);
});

test("its keys lie beside the relay's others, and end by themselves", async () => {
  await using server = await startTestRedis();
  await using connection = await open(server.socketPath);
  await createLimiter({ connection, ...rule }).take("192.0.2.1");
  assert.equal(await redisCli(server.socketPath, "KEYS", "*"), '1) "{relay}:limit:test:60s:192.0.2.1"');
  const left = /(\d+)/.exec(await redisCli(server.socketPath, "TTL", "{relay}:limit:test:60s:192.0.2.1"))?.[1];
  assert.ok(Number(left) > 0 && Number(left) <= 60, left);
});

test("while Redis is away, hung, or full, the process holds its clients to the same limit, and no call rejects", async (t) => {
  const trouble: [string, (server: TestRedis) => Promise<unknown>][] = [
    ["away", (server) => server.stop()],
    ["full", (server) => redisCli(server.socketPath, "CONFIG", "SET", "maxmemory", "1")],
  ];
  for (const [name, cause] of trouble) {
    await t.test(name, async () => {
      await using server = await startTestRedis();
      await using connection = await open(server.socketPath, { commandTimeoutMs: 200 });
      const limiter = createLimiter({ connection, ...rule });
      await limiter.take("key");
      await cause(server);
      const allowed: boolean[] = [];
      for (let i = 0; i < 5; i++) allowed.push((await limiter.take("key")).allowed);
      assert.deepEqual(allowed, [true, true, true, false, false]);
      await limiter.giveBack("key");
    });
  }
  await t.test("hung", async () => {
    await using server = await startTestRedis();
    await using connection = await open(server.socketPath, { commandTimeoutMs: 200 });
    const limiter = createLimiter({ connection, ...rule });
    const { pid } = server;
    process.kill(pid, "SIGSTOP");
    try {
      const allowed: boolean[] = [];
      for (let i = 0; i < 5; i++) allowed.push((await limiter.take("key")).allowed);
      assert.deepEqual(allowed, [true, true, true, false, false]);
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });
});

test("a Redis that has forgotten its scripts counts on", async () => {
  await using server = await startTestRedis();
  await using connection = await open(server.socketPath);
  const limiter = createLimiter({ connection, ...rule });
  await limiter.take("key");
  await redisCli(server.socketPath, "SCRIPT", "FLUSH");
  assert.equal((await limiter.take("key")).used, 2);
});
