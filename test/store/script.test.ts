import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { createScript } from "../../src/store/script.ts";
import { startTestRedis } from "../support/redis.ts";
import { open } from "./support.ts";

const echo = createScript(`
  local out = {}
  for i, key in ipairs(KEYS) do out[i] = key end
  for _, arg in ipairs(ARGV) do out[#out + 1] = arg end
  return out
`);

test("arguments of any size and content arrive as they are, in their order, also by a Redis that forgot the script", async () => {
  await using server = await startTestRedis();
  await using connection = await open(server.socketPath);
  const { redis } = connection;
  const [large, larger, small] = [randomBytes(16 * 1024), randomBytes(300_000), randomBytes(40)];
  const args = ["", "grüße", large, 7, small, larger, Buffer.alloc(0), large, "end"];
  const wanted = ["{x}:key", ...args].map((arg) => (arg instanceof Buffer ? arg : Buffer.from(String(arg))));
  const calls = [];
  // In one turn: what one writes must not come between the parts of another.
  for (let i = 0; i < 20; i++) calls.push(echo.asBytes(redis, ["{x}:key"], args), redis.echo(`word ${i}`));
  const replies = await Promise.all(calls);
  for (const [i, reply] of replies.entries()) {
    if (i % 2 === 0) assert.deepEqual(reply, wanted);
    else assert.equal(reply, `word ${(i - 1) / 2}`);
  }
  await redis.script("FLUSH");
  assert.deepEqual(await echo.asBytes(redis, ["{x}:key"], args), wanted);
});

test("a script that fails says why, and the next command has its own reply", async () => {
  await using server = await startTestRedis();
  await using connection = await open(server.socketPath);
  const bad = createScript(`return redis.call("HGET", KEYS[1])`);
  await assert.rejects(bad(connection.redis, ["{x}:key"], [randomBytes(20_000)]), /Wrong number of args/);
  assert.deepEqual(await echo(connection.redis, ["a"], ["b"]), ["a", "b"]);
});
