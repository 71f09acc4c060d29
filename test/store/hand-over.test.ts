import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Deliver } from "../../src/store/delivery-worker.ts";
import { HandOver, type Marker } from "../../src/store/hand-over.ts";
import { createMailQueue } from "../../src/store/mail-queue.ts";
import { StoreError } from "../../src/store/store-error.ts";
import { lifetimeMs, messageTo, open, until } from "./support.ts";
import { openWorkerBench } from "./worker-bench.ts";

const given = { reply: [["data", "{}"], "M1/one.example"], token: "w:1" };
const work: Exclude<Marker, null> = { member: "0", score: 0 };

/** A worker's side, with a marker that the test finds for it. */
function receiver(isFull = false) {
  const handOver = new HandOver();
  const putBack: Marker[] = [];
  const waits: PromiseWithResolvers<Marker>[] = [];
  handOver.join({ owner: "w", lockMs: 7, isFull: () => isFull, putBack: (marker) => putBack.push(marker) });
  const wait = (timeoutSeconds = 1) =>
    handOver.wait(timeoutSeconds, () => {
      const found = Promise.withResolvers<Marker>();
      waits.push(found);
      return found.promise;
    });
  return { handOver, putBack, waits, wait };
}

test("nothing is taken for a worker that does not wait", async () => {
  assert.equal(new HandOver().ask(), undefined, "there is none");
  const { handOver, waits, wait } = receiver();
  assert.equal(handOver.ask(), undefined, "it has not begun to wait");
  const waited = wait();
  waits[0]?.resolve(null);
  await waited;
  assert.equal(handOver.ask(), undefined, "it waits no more");
  void wait();
  handOver.leave();
  assert.equal(handOver.ask(), undefined, "it takes no more");
});

test("what was taken ends the wait, and is received once", async () => {
  const { handOver, wait } = receiver();
  const waited = wait();
  const taking = handOver.ask();
  assert.equal(taking?.lockMs, 7);
  assert.match(taking.token, /^w:\d+$/);
  assert.equal(handOver.ask(), undefined, "one at a time");
  taking.done(given);
  assert.equal(handOver.ask(), undefined, "nor before it has been received");
  assert.equal(await waited, null);
  assert.equal(handOver.receive(), given);
  assert.equal(handOver.receive(), undefined);
  void wait();
  const next = handOver.ask();
  assert.ok(next !== undefined && next.token !== taking.token, "each has a token of its own");
});

test("where none could be taken the worker waits on", async () => {
  const { handOver, waits, wait } = receiver();
  const waited = wait();
  handOver.ask()?.done();
  const next = handOver.ask();
  assert.ok(next, "and the next one may ask");
  next.done();
  waits[0]?.resolve(work);
  assert.deepEqual(await waited, work);
});

test("a marker that is found beside what was taken is kept for the next wait", async () => {
  const { handOver, waits, wait } = receiver();
  let ended = false;
  const waited = wait().finally(() => (ended = true));
  const taking = handOver.ask();
  waits[0]?.resolve(work);
  await nextTurn();
  assert.equal(ended, false, "it waits to hear what was taken: that is begun first");
  taking?.done(given);
  assert.equal(await waited, null);
  assert.equal(handOver.receive(), given);
  assert.deepEqual(await wait(), work);
  assert.equal(waits.length, 1);
});

test("one wait for the marker goes on over several jobs, each with the timeout of its own", async () => {
  const { handOver, waits, wait } = receiver();
  for (let round = 0; round < 3; round += 1) {
    const waited = wait();
    handOver.ask()?.done(given);
    await waited;
    handOver.receive();
  }
  assert.equal(await wait(0.001), null);
  const waited = wait();
  waits[0]?.resolve(work);
  assert.deepEqual(await waited, work);
  assert.equal(waits.length, 1);
});

const unwanted = [
  { name: "found by a worker that is full goes back", isFull: true, marker: work, putBack: [work] },
  { name: "found by one that has room is kept", isFull: false, marker: work, putBack: [] },
  { name: "that was not found is nothing", isFull: true, marker: null, putBack: [] },
];
for (const { name, isFull, marker, putBack } of unwanted) {
  test(`a marker ${name}`, async () => {
    const bench = receiver(isFull);
    const waited = bench.wait();
    bench.handOver.ask()?.done(given);
    await waited;
    bench.handOver.receive();
    bench.waits[0]?.resolve(marker);
    await nextTurn();
    assert.deepEqual(bench.putBack, putBack);
    const again = bench.wait();
    bench.waits[1]?.resolve({ member: "1", score: 5 });
    assert.deepEqual(await again, putBack.length === 0 && marker !== null ? marker : { member: "1", score: 5 });
  });
}

test("a worker that leaves puts back the marker that it has kept", async () => {
  const { handOver, putBack, waits, wait } = receiver();
  const waited = wait();
  handOver.ask()?.done(given);
  await waited;
  waits[0]?.resolve(work);
  await nextTurn();
  handOver.leave();
  assert.deepEqual(putBack, [work]);
});

test("a marker that comes when the worker has left goes back", async () => {
  const { handOver, putBack, waits, wait } = receiver();
  const waited = wait();
  handOver.ask()?.done(given);
  await waited;
  handOver.leave();
  waits[0]?.resolve(work);
  await nextTurn();
  assert.deepEqual(putBack, [work]);
});

test("a wait that fails is told, but not in the place of what was taken", async () => {
  const { handOver, waits, wait } = receiver();
  const waited = wait();
  const taking = handOver.ask();
  waits[0]?.reject(new Error("connection lost"));
  taking?.done(given);
  assert.equal(await waited, null);
  handOver.receive();
  await assert.rejects(wait(), /connection lost/);
});

// With a Redis.

type Bench = Awaited<ReturnType<typeof openBench>>;

async function openBench() {
  const handOver = new HandOver();
  const workers = await openWorkerBench({ handOver });
  const { connection } = workers;
  const freed: number[] = [];
  const start = (deliver: Deliver, concurrency = 5) =>
    workers.start(deliver, { concurrency, onFreed: (jobs) => freed.push(jobs) });
  const waits = () =>
    until(() => {
      const taking = handOver.ask();
      taking?.done();
      return taking !== undefined;
    }, "a worker waits");
  /** How often Redis has been asked for something by the worker or the queue. */
  const steps = async () => {
    const stats = await connection.redis.info("commandstats");
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  return { ...workers, handOver, freed, start, waits, steps };
}

const isEmpty = async ({ queue, connection }: Bench) =>
  Object.values(await queue.counts()).every((count) => count === 0) &&
  (await connection.redis.keys("{relay}:body:*")).length === 0;

const finished = { kind: "finished" } as const;

test("a message that comes while a worker waits costs two steps: one takes it, one ends it", async () => {
  await using bench = await openBench();
  const seen: string[] = [];
  bench.start(async (job) => {
    seen.push(`${job.data.message} ${(await job.readBody())?.toString().slice(0, 14)}`);
    return finished;
  });
  // The first brings the scripts.
  await bench.waits();
  await bench.queue.add(messageTo("M0", ["a@one.example"]), { lifetimeMs });
  await until(() => isEmpty(bench), "the first is delivered");
  await bench.waits();
  const before = await bench.steps();
  for (const id of ["M1", "M2", "M3"]) {
    await bench.queue.add(messageTo(id, ["a@one.example"]), { lifetimeMs });
    // It waits again when the message has been delivered.
    await until(() => seen.length === Number(id.slice(1)) + 1, `${id} is begun`);
    await bench.waits();
  }
  assert.equal((await bench.steps()) - before, 6);
  assert.ok(await isEmpty(bench), "all are delivered");
  assert.deepEqual(
    seen,
    [0, 1, 2, 3].map((n) => `M${n} Subject: hello`),
  );
  assert.deepEqual(bench.faults, []);
});

test("a job that was handed over is known to be in hand", async () => {
  await using bench = await openBench();
  const runs: string[] = [];
  const held = Promise.withResolvers<void>();
  const worker = bench.start(async (job) => {
    runs.push(job.data.message);
    await held.promise;
    return finished;
  });
  await bench.waits();
  await bench.queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs });
  await until(() => runs.length === 1, "it is begun");
  // What is twice not in the worker's hands is given back.
  for (let look = 0; look < 3; look += 1) await worker.takeOver();
  assert.deepEqual(bench.freed, []);
  held.resolve();
  await until(() => isEmpty(bench), "it is done");
  assert.deepEqual(runs, ["M1"]);
});

test("messages for many domains, and many at once, all come to the worker", async () => {
  await using bench = await openBench();
  const seen = new Set<string>();
  let most = 0;
  let running = 0;
  bench.start(async (job) => {
    most = Math.max(most, (running += 1));
    await nextTurn();
    running -= 1;
    seen.add(`${job.data.message}/${job.data.domain}`);
    return finished;
  }, 3);
  const to = ["a@one.example", "b@two.example", "c@three.example", "d@four.example"];
  for (let round = 0; round < 5; round += 1) {
    await bench.waits();
    const ids = ["A", "B", "C"].map((name) => `${name}${round}`);
    await Promise.all(ids.map((id) => bench.queue.add(messageTo(id, to), { lifetimeMs })));
    await until(() => isEmpty(bench), "all are delivered");
  }
  assert.equal(seen.size, 60);
  assert.ok(most > 1 && most <= 3, `${most} at a time`);
  assert.deepEqual(bench.faults, []);
});

test("the text of a large message is read when it is needed", async () => {
  await using bench = await openBench();
  const sizes: (number | undefined)[] = [];
  bench.start(async (job) => {
    sizes.push((await job.readBody())?.length);
    return finished;
  });
  const text = `Subject: large\r\n\r\n${"x".repeat(70)}\r\n`.repeat(10_000);
  await bench.waits();
  await bench.queue.add(messageTo("LARGE", ["a@one.example"], text), { lifetimeMs });
  await until(() => isEmpty(bench), "it is delivered");
  assert.deepEqual(sizes, [text.length]);
});

test("the job that has waited longest is handed over, whichever message comes in", async () => {
  await using bench = await openBench();
  const seen: string[] = [];
  bench.start(async (job) => {
    seen.push(`${job.data.message} ${(await job.readBody())?.toString().slice(9, 12)}`);
    return finished;
  });
  await bench.waits();
  // Put there without a word to those who wait.
  const other = await open(bench.redis.socketPath);
  await createMailQueue({ connection: other }).add(messageTo("FIRST", ["a@one.example"], "Subject: 1st\r\n\r\n"), {
    lifetimeMs,
  });
  await bench.queue.add(messageTo("SECOND", ["a@one.example"], "Subject: 2nd\r\n\r\n"), { lifetimeMs });
  await until(() => isEmpty(bench), "both are delivered");
  assert.deepEqual(seen.sort(), ["FIRST 1st", "SECOND 2nd"]);
  await other.close();
});

test("where Redis refuses a message, its worker goes on", async () => {
  await using bench = await openBench();
  const seen: string[] = [];
  bench.start(async (job) => {
    seen.push(job.data.message);
    return finished;
  });
  await bench.waits();
  await bench.connection.redis.config("SET", "maxmemory", "1");
  await assert.rejects(
    bench.queue.add(messageTo("REFUSED", ["a@one.example"]), { lifetimeMs }),
    (err) => err instanceof StoreError,
  );
  await bench.connection.redis.config("SET", "maxmemory", "0");
  await bench.queue.add(messageTo("TAKEN", ["a@one.example"]), { lifetimeMs });
  await until(() => isEmpty(bench), "the next one is delivered");
  assert.deepEqual(seen, ["TAKEN"]);
});

test("what is handed to a worker that is closed goes to the next one", async () => {
  for (let round = 0; round < 5; round += 1) {
    await using bench = await openBench();
    const seen: string[] = [];
    const deliver: Deliver = async (job) => {
      seen.push(job.data.message);
      return finished;
    };
    const first = bench.start(deliver);
    await bench.waits();
    await Promise.all([bench.queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs }), first.close(0)]);
    bench.start(deliver);
    await until(() => isEmpty(bench), "it is delivered");
    assert.deepEqual(seen, ["M1"]);
    assert.deepEqual(bench.faults, []);
  }
});
