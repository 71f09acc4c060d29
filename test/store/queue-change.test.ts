/** What an operator does to the queue, beside real workers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { OperatorVerb } from "../../src/mail/history.ts";
import { createQueueService, type QueueService } from "../../src/operate/queue.ts";
import {
  type Deliver,
  type DeliveryWorker,
  type DeliveryWorkerParts,
  startDeliveryWorker,
} from "../../src/store/delivery-worker.ts";
import { createHistoryReader } from "../../src/store/history.ts";
import { createMailQueue, type MailQueue } from "../../src/store/mail-queue.ts";
import { readJobsOf } from "../../src/store/queue-read.ts";
import { startTestRedis } from "../support/redis.ts";
import { lifetimeMs, messageTo, open, type Opened, until } from "./support.ts";

type Bench = {
  connection: Opened;
  queue: MailQueue;
  service: QueueService;
  faults: unknown[];
  orders: string[];
  start(deliver: Deliver, options?: Partial<DeliveryWorkerParts>): DeliveryWorker;
  add(id: string, to?: string[]): Promise<void>;
  change(verb: OperatorVerb, id: string): ReturnType<QueueService["change"]>;
  stateOf(id: string): Promise<string | undefined>;
};

async function withBench(use: (bench: Bench) => Promise<void>): Promise<void> {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const queue = createMailQueue({ connection });
  const service = createQueueService({ connection, now: Date.now });
  const faults: unknown[] = [];
  const orders: string[] = [];
  const workers: DeliveryWorker[] = [];
  const bench: Bench = {
    connection,
    queue,
    service,
    faults,
    orders,
    start: (deliver, options = {}) => {
      const worker = startDeliveryWorker({
        connection,
        queue,
        concurrency: 5,
        deliver,
        giveBackMs: 200,
        onFault: (_where, err) => faults.push(err),
        onOrder: ({ message }, { verb }) => orders.push(`${verb} ${message}`),
        ...options,
      });
      workers.push(worker);
      return worker;
    },
    add: (id, to = ["a@one.example"]) => queue.add({ ...messageTo(id, to), acceptedAt: Date.now() }, { lifetimeMs }),
    change: (verb, id) => service.change({ verb, by: "root@test", reason: "a test" }, { messages: [id] }),
    stateOf: async (id) => (await readJobsOf(connection.redis, id))[0]?.state,
  };
  try {
    await use(bench);
  } finally {
    await Promise.all(workers.map((worker) => worker.close(0)));
    await queue.close();
  }
}

const HOUR_MS = 3_600_000;
const finished = { kind: "finished" } as const;
const later: Deliver = async (job) => {
  await job.save({ ...job.data, attempt: job.data.attempt + 1, waitingBecause: "later" });
  return { kind: "again", at: Date.now() + HOUR_MS };
};

/** A message that was put off by an hour, and no worker. */
async function deferred(bench: Bench, id: string): Promise<void> {
  await bench.add(id);
  const worker = bench.start(later);
  await until(async () => (await bench.stateOf(id)) === "deferred", "it is put off");
  await worker.close(1_000);
}

const isGone = async ({ connection }: Bench, id: string) =>
  (await connection.redis.exists(`{relay}:delivery:${id}/one.example`)) === 0 &&
  (await connection.redis.exists(`{relay}:body:${id}`)) === 0;

const verbsOf = async ({ connection }: Bench, id: string) => {
  const entries = (await createHistoryReader(connection).read(id))?.entries ?? [];
  return entries.flatMap((entry) =>
    entry.kind === "operator" ? [`${entry.by} ${entry.verb}${entry.ordered ? ", ordered" : ""}: ${entry.reason}`] : [],
  );
};

test("retry makes a delivery due that was put off, and a worker that sleeps takes it at once", () =>
  withBench(async (bench) => {
    await deferred(bench, "M1");
    let runs = 0;
    bench.start(async () => {
      runs += 1;
      return finished;
    });
    // One more job shows that the worker is up, and asleep again.
    await bench.add("M2");
    await until(() => isGone(bench, "M2"), "the worker is idle");
    assert.equal(runs, 1);
    assert.deepEqual((await bench.change("retry", "M1")).results, { done: 1, ordered: 0, already: 0, gone: 0 });
    await until(() => isGone(bench, "M1"), "it is delivered");
    assert.deepEqual(await verbsOf(bench, "M1"), ["root@test retry: a test"]);
    assert.deepEqual(bench.faults, []);
  }));

test("what is held is taken by no worker, from whichever state, until it is released", () =>
  withBench(async (bench) => {
    await deferred(bench, "OLD");
    await bench.add("NEW");
    for (const id of ["OLD", "NEW"]) {
      assert.equal((await bench.change("hold", id)).results.done, 1, id);
      assert.equal((await bench.change("hold", id)).results.already, 1, id);
      assert.equal((await bench.change("retry", id)).results.already, 1, id);
    }
    const seen: string[] = [];
    bench.start(async (job) => {
      seen.push(job.data.message);
      return finished;
    });
    await bench.add("OTHER");
    await until(() => isGone(bench, "OTHER"), "the worker is idle");
    assert.deepEqual(seen, ["OTHER"]);
    assert.deepEqual([await bench.stateOf("OLD"), await bench.stateOf("NEW")], ["held", "held"]);
    for (const id of ["OLD", "NEW"]) assert.equal((await bench.change("release", id)).results.done, 1, id);
    await until(async () => (await isGone(bench, "OLD")) && (await isGone(bench, "NEW")), "both are delivered");
    assert.deepEqual(await verbsOf(bench, "NEW"), ["root@test hold: a test", "root@test release: a test"]);
    assert.deepEqual(bench.faults, []);
  }));

test("drop takes out job and text, from whichever state, and leaves the rest of the message", () =>
  withBench(async (bench) => {
    await deferred(bench, "OLD");
    await bench.add("HELD");
    await bench.change("hold", "HELD");
    await bench.add("NEW");
    await bench.add("TWO", ["a@one.example", "b@two.example"]);
    for (const id of ["OLD", "HELD", "NEW"]) {
      assert.equal((await bench.change("drop", id)).results.done, 1, id);
      assert.ok(await isGone(bench, id), id);
      assert.ok((await verbsOf(bench, id)).includes("root@test drop: a test"), id);
    }
    const report = await bench.service.change({ verb: "drop", by: "root@test" }, { to: "one.example" });
    assert.deepEqual([report.matched, report.results.done], [1, 1]);
    const left = await readJobsOf(bench.connection.redis, "TWO");
    assert.deepEqual(
      left.map(({ domain }) => domain),
      ["two.example"],
    );
    assert.equal(await bench.connection.redis.exists("{relay}:body:TWO"), 1);
    assert.deepEqual((await bench.change("drop", "OLD")).matched, 0);
  }));

test("a job under way is not pulled from under its worker: it honours the order when the attempt has ended", async (t) => {
  const after: Record<"hold" | "drop" | "bounce", (bench: Bench, told: string[]) => Promise<void>> = {
    hold: async (bench) => until(async () => (await bench.stateOf("M1")) === "held", "it is held"),
    drop: async (bench) => until(() => isGone(bench, "M1"), "it is gone"),
    bounce: async (bench, told) => {
      await until(() => isGone(bench, "M1"), "it is gone");
      assert.deepEqual(told, ["root@test: a test"]);
    },
  };
  for (const verb of ["hold", "drop", "bounce"] as const) {
    await t.test(verb, () =>
      withBench(async (bench) => {
        const begun = Promise.withResolvers<void>();
        const goOn = Promise.withResolvers<void>();
        const told: string[] = [];
        let runs = 0;
        bench.start(async (job, signal) => {
          if (job.giveUp !== undefined) {
            told.push(`${job.giveUp.by}: ${job.giveUp.reason}`);
            return finished;
          }
          runs += 1;
          begun.resolve();
          await goOn.promise;
          return later(job, signal);
        });
        await bench.add("M1");
        await begun.promise;
        assert.deepEqual((await bench.change(verb, "M1")).results, { done: 0, ordered: 1, already: 0, gone: 0 });
        assert.equal(await bench.stateOf("M1"), "active");
        assert.equal((await readJobsOf(bench.connection.redis, "M1"))[0]?.order?.verb, verb);
        goOn.resolve();
        await after[verb](bench, told);
        assert.equal(runs, 1);
        assert.equal((await verbsOf(bench, "M1"))[0], `root@test ${verb}, ordered: a test`);
        assert.deepEqual(bench.faults, []);
      }),
    );
  }
});

test("an order outlives the worker that had the job in hand", () =>
  withBench(async (bench) => {
    const begun = Promise.withResolvers<void>();
    const first = bench.start(async (_job, signal) => {
      begun.resolve();
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    await bench.add("M1");
    await begun.promise;
    await bench.change("drop", "M1");
    // Given back unchanged: the next worker finds the order.
    await first.close(0);
    let runs = 0;
    bench.start(async () => {
      runs += 1;
      return finished;
    });
    await until(() => isGone(bench, "M1"), "it is gone");
    assert.equal(runs, 0);
    assert.deepEqual(bench.orders, ["drop M1"]);
    assert.deepEqual((await verbsOf(bench, "M1")).at(-1), "root@test drop: a test");
  }));

test("a delivery that a worker fails to give up is tried again at its time, not round and round", () =>
  withBench(async (bench) => {
    await bench.add("M1");
    await bench.change("bounce", "M1");
    const failing = bench.start(() => Promise.reject(new Error("Redis is full")));
    await until(async () => (await bench.stateOf("M1")) === "deferred", "it is put off");
    await failing.close(1_000);
    const [job] = await readJobsOf(bench.connection.redis, "M1");
    assert.ok((job?.at ?? 0) > Date.now() + 10_000, `${job?.at}`);
    assert.equal(bench.faults.length, 1);
    assert.equal(job?.order?.verb, "bounce");
  }));

test("a message is given up at once, also when its destination gets no deliveries at the time", () =>
  withBench(async (bench) => {
    await bench.add("M1");
    const told: string[] = [];
    const deliver: Deliver = async ({ giveUp }) => {
      told.push(giveUp?.reason ?? "tried");
      return finished;
    };
    bench.start(deliver, { turn: async () => ({ kind: "again", at: Date.now() + HOUR_MS }) });
    await until(async () => (await bench.stateOf("M1")) === "deferred", "it is put off untried");
    await bench.change("bounce", "M1");
    await until(() => isGone(bench, "M1"), "it is given up");
    assert.deepEqual(told, ["a test"]);
  }));

test("release takes back an order to hold that is not carried out yet", () =>
  withBench(async (bench) => {
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    bench.start(async (job, signal) => {
      begun.resolve();
      await goOn.promise;
      return later(job, signal);
    });
    await bench.add("M1");
    await begun.promise;
    await bench.change("hold", "M1");
    assert.equal((await bench.change("release", "M1")).results.done, 1);
    goOn.resolve();
    await until(async () => (await bench.stateOf("M1")) === "deferred", "it is put off, and not held");
  }));

test("while workers run, every message of a busy queue is either dropped or delivered, none both, none lost", () =>
  withBench(async (bench) => {
    const ids = Array.from({ length: 1_500 }, (_, index) => `M${String(index).padStart(4, "0")}`);
    await Promise.all(ids.map((id) => bench.add(id)));
    const delivered: string[] = [];
    bench.start(
      async (job) => {
        delivered.push(job.data.message);
        return finished;
      },
      { concurrency: 20 },
    );
    await until(() => delivered.length > 100, "workers are under way");
    const { results } = await bench.service.change({ verb: "drop", by: "root@test" }, { to: "one.example" });
    await until(async () => Object.values(await bench.queue.counts()).every((count) => count === 0), "all is done");
    assert.equal(new Set(delivered).size, delivered.length);
    assert.equal(results.done + delivered.length + bench.orders.length, ids.length);
    assert.ok(results.done > 100, JSON.stringify(results));
    await until(async () => (await bench.connection.redis.keys("{relay}:body:*")).length === 0, "no text is left");
    assert.deepEqual(bench.faults, []);
  }));

test("a dry run counts, and changes nothing", () =>
  withBench(async (bench) => {
    await bench.add("M1");
    const report = await bench.service.change({ verb: "drop", by: "root@test" }, {}, { dryRun: true });
    assert.deepEqual([report.matched, report.dryRun, report.results.done], [1, true, 0]);
    assert.equal(await bench.stateOf("M1"), "waiting");
  }));
