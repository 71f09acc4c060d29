import assert from "node:assert/strict";
import { test } from "node:test";
import { shadowKey } from "../../src/store/keys.ts";
import { createShadowStore } from "../../src/store/shadow.ts";
import { startTestRedis } from "../support/redis.ts";
import { open, redisCli } from "./support.ts";

const DAYS = ["2026-11-22", "2026-11-21"];

test("what several processes count adds up, by domain and day, and goes by itself", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createShadowStore(connection);
  const count = {
    domain: "a.example",
    day: "2026-11-22",
    messages: 3,
    refused: 1,
    why: { "mx.a.example: expired": 1 },
  };
  await Promise.all([store.add([count]), store.add([count])]);
  await store.add([{ domain: "b.example", day: "2026-11-21", messages: 1, refused: 0, why: {} }]);
  const twice = { ...count, messages: 6, refused: 2, why: { "mx.a.example: expired": 2 } };
  assert.deepEqual(await store.read(DAYS, "a.example"), [twice]);
  assert.deepEqual((await store.read(DAYS)).map(({ domain }) => domain).sort(), ["a.example", "b.example"]);
  assert.deepEqual(
    (await store.read(["2026-11-22"])).map(({ domain }) => domain),
    ["a.example"],
  );
  assert.match(await redisCli(redis.socketPath, "TTL", shadowKey("a.example", "2026-11-22")), /^\(integer\) \d{7}$/);
});

test("reasons are bounded: what comes after the first fifty is counted together", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createShadowStore(connection);
  for (let round = 0; round < 2; round++) {
    const why = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`mx${round * 40 + i}: bad`, 1]));
    await store.add([{ domain: "a.example", day: "2026-11-22", messages: 40, refused: 40, why }]);
  }
  const [day] = await store.read(DAYS, "a.example");
  assert.equal(Object.keys(day?.why ?? {}).length, 51);
  assert.equal(day?.why["other"], 30);
});

test("the summary of a day is given once", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createShadowStore(connection);
  const claims = await Promise.all([1, 2, 3].map(() => store.claimSummary("2026-11-22")));
  assert.equal(claims.filter(Boolean).length, 1);
  assert.equal(await store.claimSummary("2026-11-23"), true);
});
