/** The queue as an operator sees it, also when it is long. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createQueueService } from "../../src/operate/queue.ts";
import { fillQueue } from "../support/fill-queue.ts";
import { startTestRedis } from "../support/redis.ts";
import { open } from "../store/support.ts";

const domainOf = (index: number) => (index % 100 === 0 ? "rare.example" : `d${index % 7}.example`);

test("a queue of 10,000 is summed up, listed, filtered, held, released and dropped, in steps that do not hold Redis up", async (t) => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const service = createQueueService({ connection, now: Date.now });
  await fillQueue(connection.redis, 5_000, domainOf);
  await fillQueue(connection.redis, 5_000, domainOf, "waiting");
  await connection.redis.config("RESETSTAT");

  await t.test("summed up", async () => {
    const seen: [number, number][] = [];
    const overview = await service.overview(3, { onProgress: (done, total) => seen.push([done, total]) });
    assert.deepEqual([overview.total, overview.destinationCount, overview.destinations.length], [10_000, 8, 3]);
    assert.deepEqual(overview.states, { waiting: 5_000, active: 0, deferred: 5_000, due: 0, held: 0 });
    const [first] = overview.destinations;
    assert.equal(first?.lastReason, `mx.${first?.domain}: it refuses connections`);
    assert.ok(Date.parse(first?.oldestAt ?? "") < Date.now());
    assert.ok(Date.parse(first?.nextAt ?? "") > Date.now());
    assert.deepEqual(seen.at(-1), [10_000, 10_000]);
  });

  await t.test("listed, the oldest first, and filtered by destination and sender", async () => {
    const all = await service.list({}, 5);
    assert.equal(all.matched, 10_000);
    const ids = all.jobs.map(({ id }) => id);
    assert.deepEqual(ids, ids.toSorted());
    assert.equal((await service.list({ to: "rare.example" }, 5)).matched, 100);
    const few = await service.list({ to: "rare.example", from: "app0@sender.example", state: "deferred" }, 5);
    assert.deepEqual([few.matched, few.jobs.length], [50, 5]);
    for (const { data, state } of few.jobs) {
      assert.deepEqual([data.from, data.domain, state], ["app0@sender.example", "rare.example", "deferred"]);
    }
    assert.equal((await service.list({ from: "app1@sender.example" }, 1)).matched, 1_000);
    assert.equal((await service.list({ from: "" }, 1)).matched, 0);
  });

  await t.test("held and released by destination, from both ends of the line", async () => {
    const change = { by: "root@test", reason: "a test" };
    const held = await service.change({ verb: "hold", ...change }, { to: "rare.example" });
    assert.deepEqual([held.matched, held.results.done], [100, 100]);
    assert.equal((await service.list({ state: "held" }, 1)).matched, 100);
    const released = await service.change({ verb: "release", ...change }, { state: "held" });
    assert.equal(released.results.done, 100);
    assert.equal((await service.list({ state: "held" }, 1)).matched, 0);
  });

  await t.test("retried and dropped", async () => {
    const retried = await service.change({ verb: "retry", by: "root@test" }, { state: "deferred" });
    assert.equal(retried.results.done, 5_050);
    const dropped = await service.change({ verb: "drop", by: "root@test" }, {});
    assert.deepEqual([dropped.matched, dropped.results.done], [10_000, 10_000]);
    assert.equal((await service.overview(1)).total, 0);
    assert.deepEqual(await connection.redis.keys("{relay}:body:*"), []);
    assert.deepEqual(await connection.redis.keys("{relay}:delivery:*/*"), []);
  });

  const stats = await connection.redis.info("commandstats");
  for (const command of ["evalsha", "zscan", "lrange"]) {
    // On average: one alone may be slow for what else the machine does.
    const [, usec = ""] = new RegExp(`cmdstat_${command}:.*usec_per_call=([0-9.]+)`).exec(stats) ?? [];
    assert.ok(Number(usec) < 50_000, `${command}: ${usec} µs`);
  }
});

test("work that is broken off has done what it has told of, and no more", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const service = createQueueService({ connection, now: Date.now });
  await fillQueue(connection.redis, 1_000, domainOf);
  const stop = new AbortController();
  let told = 0;
  const dropping = service.change(
    { verb: "drop", by: "root@test" },
    {},
    {
      signal: stop.signal,
      onProgress: (done, total) => {
        // The first time through, it is found what is meant.
        if (done === total) return;
        told = done;
        if (done >= 300) stop.abort(new Error("enough"));
      },
    },
  );
  await assert.rejects(dropping, /enough/);
  assert.equal((await service.overview(1)).total, 1_000 - told);
});
