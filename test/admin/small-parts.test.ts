import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopback } from "../../src/admin/loopback.ts";
import { createRateLimit } from "../../src/admin/rate-limit.ts";
import { createReadiness } from "../../src/admin/readiness.ts";
import { createRemembered } from "../../src/admin/remembered.ts";

test("only loopback addresses and localhost count as this machine", () => {
  const cases = { "127.0.0.1": true, "127.1.2.3": true, "::1": true, localhost: true, "0.0.0.0": false, "::": false };
  for (const [host, expected] of Object.entries({ ...cases, "10.0.0.1": false, "relay.example": false })) {
    assert.equal(isLoopback(host), expected, host);
  }
});

test("an address has so many requests at once, and gets more with time; others are not touched by it", () => {
  let now = 0;
  const limit = createRateLimit({ perSecond: 2, burst: 3, now: () => now });
  const taken = (address: string, count: number) => Array.from({ length: count }, () => limit.take(address));
  assert.deepEqual(taken("192.0.2.1", 4), [true, true, true, false]);
  assert.deepEqual(taken("192.0.2.2", 1), [true]);
  now = 1_000;
  assert.deepEqual(taken("192.0.2.1", 3), [true, true, false]);
});

test("what is dear to find is found once for all who ask, and kept twenty times as long as it took", async () => {
  let now = 0;
  let found = 0;
  const find = async () => {
    now += 500;
    return (found += 1);
  };
  const remembered = createRemembered(find, { leastMs: 1_000, now: () => now });
  assert.deepEqual(await Promise.all([remembered.get(), remembered.get()]), [1, 1]);
  now += 9_999;
  assert.equal(await remembered.get(), 1);
  now += 1;
  assert.equal(await remembered.get(), 2);
  remembered.forget();
  assert.equal(await remembered.get(), 3);
});

test("what was being found when it was forgotten is not kept; a failure neither", async () => {
  const answers = [Promise.withResolvers<number>(), Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  let asked = 0;
  const remembered = createRemembered(() => answers[asked++]?.promise ?? Promise.resolve(0), {
    leastMs: 1_000,
    now: () => 0,
  });
  const old = remembered.get();
  remembered.forget();
  const fresh = remembered.get();
  answers[1]?.reject(new Error("away"));
  answers[0]?.resolve(1);
  assert.equal(await old, 1);
  await assert.rejects(fresh, /away/);
  answers[2]?.resolve(3);
  assert.equal(await remembered.get(), 3);
});

test("a relay is ready when all its parts are, and says which are not and why", async () => {
  const readiness = createReadiness({
    checks: {
      redis: async () => undefined,
      resolver: async () => "timeout",
      workers: async () => {
        throw new Error("Redis could not look");
      },
    },
    now: Date.now,
  });
  assert.deepEqual(await readiness.report(), {
    ready: false,
    checks: {
      redis: { ok: true },
      resolver: { ok: false, detail: "timeout" },
      workers: { ok: false, detail: "Redis could not look" },
    },
  });
});

test("a part that never answers is told as one that does not", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const readiness = createReadiness({ checks: { redis: () => new Promise(() => undefined) }, now: () => 0 });
  const report = readiness.report();
  t.mock.timers.tick(2_000);
  assert.deepEqual((await report).checks["redis"], { ok: false, detail: "no answer within 2 s" });
});
