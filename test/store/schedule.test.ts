import assert from "node:assert/strict";
import { test } from "node:test";
import { startSchedule } from "../../src/store/schedule.ts";
import { startTestRedis } from "../support/redis.ts";
import { open, until } from "./support.ts";

const noFault = (where: string, err: unknown) => assert.fail(`${where}: ${String(err)}`);

test("each task has one tick across all processes, whoever gets it", async () => {
  await using redis = await startTestRedis();
  await using one = await open(redis.socketPath);
  await using two = await open(redis.socketPath);
  const ticks: string[] = [];
  const tasks = (who: string) =>
    ["refresh", "sweep"].map((name) => ({
      name,
      everyMs: 150,
      run: async () => void ticks.push(`${name} by ${who}`),
    }));
  const begun = Date.now();
  const schedules = [
    startSchedule({ connection: one, tasks: tasks("one"), onFault: noFault }),
    startSchedule({ connection: two, tasks: tasks("two"), onFault: noFault }),
  ];
  const count = (name: string) => ticks.filter((tick) => tick.startsWith(name)).length;
  await until(() => count("refresh") >= 4 && count("sweep") >= 4, "both tasks tick");
  const most = Math.ceil((Date.now() - begun) / 150) + 1;
  await Promise.all(schedules.map((schedule) => schedule.close()));
  assert.ok(count("refresh") <= most && count("sweep") <= most, `${ticks.length} ticks, at most ${most} of each`);
});

test("a task that throws is told, and its next tick comes", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const faults: string[] = [];
  let runs = 0;
  const run = () => Promise.reject(new Error(`run ${++runs}`));
  const schedule = startSchedule({
    connection,
    tasks: [{ name: "refresh", everyMs: 50, run }],
    onFault: (where, err) => faults.push(`${where}: ${String(err)}`),
  });
  await until(() => runs >= 3, "it runs again and again");
  await schedule.close();
  assert.deepEqual(faults.slice(0, 2), ["refresh: Error: run 1", "refresh: Error: run 2"]);
});

test("closing aborts the task that runs and waits for it, and is told as no fault", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const began = Promise.withResolvers<void>();
  let ended = false;
  const run = async (signal: AbortSignal) => {
    began.resolve();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    ended = true;
    signal.throwIfAborted();
  };
  const schedule = startSchedule({
    connection,
    tasks: [{ name: "refresh", everyMs: 60_000, run }],
    onFault: noFault,
  });
  await began.promise;
  await schedule.close();
  assert.equal(ended, true);
});

test("a schedule outlives Redis, and can be closed while it is away", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  let runs = 0;
  const run = async () => void runs++;
  const schedule = startSchedule({ connection, tasks: [{ name: "refresh", everyMs: 50, run }], onFault: noFault });
  await until(() => runs > 0, "it runs");
  const { pid } = redis;
  process.kill(pid, "SIGKILL");
  await until(() => redis.pid !== pid && connection.states.at(-1) === "ready", "Redis is back");
  const before = runs;
  await until(() => runs > before + 1, "it runs again");
  await redis.stop();
  await until(() => connection.states.at(-1) === "lost", "Redis is away");
  await schedule.close();
});
