import assert from "node:assert/strict";
import { test } from "node:test";
import { isOverWatermark, readMemory, watchMemory } from "../../src/store/watermark.ts";
import { startTestRedis } from "../support/redis.ts";
import { open, until } from "./support.ts";

test("memory is over the watermark beyond a part of maxmemory, and never where there is no maxmemory", () => {
  const cases: Array<[number, number, number, boolean]> = [
    [90, 100, 0.9, false],
    [91, 100, 0.9, true],
    [200, 100, 1, true],
    [1_000, 0, 0.9, false],
  ];
  for (const [usedBytes, maxBytes, fraction, expected] of cases) {
    assert.equal(isOverWatermark({ usedBytes, maxBytes }, fraction), expected, `${usedBytes} of ${maxBytes}`);
  }
});

test("memory is read from what INFO says", () => {
  const info =
    "# Memory\r\nused_memory:1048576\r\nused_memory_rss:4194304\r\nmaxmemory:8388608\r\nmaxmemory_human:8M\r\n";
  assert.deepEqual(readMemory(info), { usedBytes: 1_048_576, maxBytes: 8_388_608 });
  assert.deepEqual(readMemory(""), { usedBytes: 0, maxBytes: 0 });
});

test("crossing the watermark is seen in both directions, told once each, and stands while Redis is away", async () => {
  await using redis = await startTestRedis({ maxMemoryBytes: 128 * 1024 * 1024 });
  await using connection = await open(redis.socketPath);
  const told: boolean[] = [];
  const onChange = (isOver: boolean) => told.push(isOver);
  const watermark = watchMemory({ redis: connection.redis, fraction: 0.1, everyMs: 5, onChange });
  try {
    await connection.redis.set("filler", Buffer.alloc(20 * 1024 * 1024));
    await until(() => watermark.isOver, "over");
    await connection.redis.del("filler");
    await until(() => !watermark.isOver, "under");
    await connection.redis.set("filler", Buffer.alloc(20 * 1024 * 1024));
    await until(() => watermark.isOver, "over again");
    process.kill(redis.pid, "SIGSTOP");
    process.kill(redis.pid, "SIGKILL");
    await until(() => connection.states.includes("lost"), "Redis is away");
    assert.equal(watermark.isOver, true);
    assert.deepEqual(told, [true, false, true]);
  } finally {
    watermark.stop();
  }
});
