import assert from "node:assert/strict";
import { test } from "node:test";
import { createCheckResults } from "../../src/store/check-results.ts";
import { checkResultsKey } from "../../src/store/keys.ts";
import { startTestRedis } from "../support/redis.ts";
import { open, redisCli } from "./support.ts";

type Kept = { checkedAt: number; severity: string };

test("the latest result of a check is kept by domain, and what cannot be read is none", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const results = createCheckResults<Kept>(connection);
  assert.equal(await results.last("a.example"), undefined);
  const kept = { checkedAt: Date.parse("2026-11-22T10:00:00Z"), severity: "error" };
  await results.keep("a.example", { ...kept, severity: "ok" });
  await results.keep("a.example", kept);
  await results.keep("b.example", kept);
  assert.deepEqual(await results.last("a.example"), kept);
  assert.match(await redisCli(redis.socketPath, "HGET", checkResultsKey, "a.example"), /2026-11-22T10:00:00\.000Z/);

  await results.forgetOthers(["b.example"]);
  assert.deepEqual([await results.last("a.example"), await results.last("b.example")], [undefined, kept]);
  await redisCli(redis.socketPath, "HSET", checkResultsKey, "b.example", "{");
  assert.equal(await results.last("b.example"), undefined);
});
