import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeliveryJobData } from "../../src/mail/delivery-job.ts";
import { lifetimeMs, messageTo, open, type Opened, until } from "./support.ts";
import { openWorkerBench, type WorkerBench } from "./worker-bench.ts";

async function withBench(use: (bench: WorkerBench) => Promise<void>): Promise<void> {
  await using bench = await openWorkerBench();
  await use(bench);
}

const finished = { kind: "finished" } as const;

/** Neither job nor body is left: the ids of jobs have a slash in them. */
const isEmpty = async ({ queue, connection }: WorkerBench) =>
  Object.values(await queue.counts()).every((count) => count === 0) &&
  (await connection.redis.keys("{relay}:body:*")).length === 0 &&
  (await connection.redis.keys("{relay}:delivery:*/*")).length === 0;

/** A promise and what settles it. */
function gate() {
  return Promise.withResolvers<void>();
}

/** Never returns before it is aborted, and then at once. */
const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("a finished job is gone, and with the last one the body", () =>
  withBench(async (bench) => {
    const seen: string[] = [];
    await bench.queue.add(messageTo("M1", ["a@one.example", "b@two.example"]), { lifetimeMs });
    bench.start(async (job) => {
      seen.push(`${job.data.domain}: ${(await job.readBody())?.toString().slice(0, 14)}`);
      return finished;
    });
    await until(() => isEmpty(bench), "all is done");
    assert.deepEqual(seen.sort(), ["one.example: Subject: hello", "two.example: Subject: hello"]);
    assert.deepEqual(bench.faults, []);
  }));

test("a domain may be called like a field of a job", () =>
  withBench(async (bench) => {
    const seen: string[] = [];
    await bench.queue.add(messageTo("M1", ["a@opts", "a@data", "a@name"]), { lifetimeMs });
    bench.start(async (job) => {
      seen.push(job.data.domain);
      return finished;
    });
    await until(() => isEmpty(bench), "all is done");
    assert.deepEqual(seen.sort(), ["data", "name", "opts"]);
    assert.deepEqual(bench.faults, []);
  }));

test("a job put off comes back at its time with what was saved, body in place", () =>
  withBench(async (bench) => {
    const attempts: number[] = [];
    let dueAt = 0;
    await bench.queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs });
    bench.start(async (job) => {
      attempts.push(job.data.attempt);
      if (attempts.length < 3) {
        await job.save({ ...job.data, attempt: job.data.attempt + 1, waitingBecause: "greylisted" });
        dueAt = Date.now() + 100;
        return { kind: "again", at: dueAt };
      }
      assert.ok(Date.now() >= dueAt, "not before its time");
      assert.equal(job.data.waitingBecause, "greylisted");
      assert.ok((await job.readBody()) !== undefined);
      return finished;
    });
    await until(() => isEmpty(bench), "all is done");
    assert.deepEqual(attempts, [0, 1, 2]);
    assert.deepEqual(bench.faults, []);
  }));

test("a message that comes alone is fetched once, and then the next one is waited for", () =>
  withBench(async (bench) => {
    const { queue, connection } = bench;
    let delivered = 0;
    bench.start(async () => {
      delivered += 1;
      return finished;
    });
    const calls = async (command: string) => {
      const stats = await connection.redis.info("commandstats");
      return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    };
    const before = { scripts: await calls("evalsha"), waits: await calls("bzpopmin") };
    for (let n = 1; n <= 40; n++) {
      await queue.add(messageTo(`M${n}`, ["a@one.example"]), { lifetimeMs });
      await until(async () => (await connection.redis.exists(`{relay}:body:M${n}`)) === 0, "it is delivered");
    }
    assert.equal(delivered, 40);
    // Added, fetched, ended; and a few by the clock.
    const scripts = (await calls("evalsha")) - before.scripts;
    assert.ok(scripts >= 120 && scripts < 140, `${scripts} scripts`);
    const waits = (await calls("bzpopmin")) - before.waits;
    assert.ok(waits >= 40 && waits < 50, `${waits} waits`);
    assert.deepEqual(bench.faults, []);
  }));

test("a job put off is not forgotten when the last of the others has been fetched", () =>
  withBench(async (bench) => {
    const { queue } = bench;
    let putOffUntil = 0;
    let lateMs = Number.NaN;
    bench.start(async (job) => {
      if (job.data.message === "LATER" && putOffUntil === 0) {
        putOffUntil = Date.now() + 400;
        return { kind: "again", at: putOffUntil };
      }
      if (job.data.message === "LATER") lateMs = Date.now() - putOffUntil;
      return finished;
    });
    await queue.add(messageTo("LATER", ["a@one.example"]), { lifetimeMs });
    await until(() => putOffUntil > 0, "it is put off");
    // Each of them is the last one to be fetched, with another one due later.
    for (let n = 1; n <= 10; n++) {
      await queue.add(messageTo(`M${n}`, ["a@one.example"]), { lifetimeMs });
      await until(async () => (await queue.counts()).waiting + (await queue.counts()).active === 0, "it is delivered");
    }
    await until(() => isEmpty(bench), "all is done");
    // BullMQ's own wait without a time would be five seconds.
    assert.ok(lateMs >= 0 && lateMs < 2_000, `${lateMs} ms late`);
  }));

test("new mail goes before retries that are due", () =>
  withBench(async (bench) => {
    const order: string[] = [];
    const began = gate();
    const goOn = gate();
    for (const id of ["OLD1", "OLD2"]) await bench.queue.add(messageTo(id, ["a@one.example"]), { lifetimeMs });
    const tried = new Set<string>();
    const first = bench.start(async (job) => {
      tried.add(job.data.message);
      return { kind: "again", at: Date.now() };
    });
    await until(() => tried.size === 2, "both are tried");
    await first.close(1_000);
    await bench.queue.add(messageTo("NEW", ["a@one.example"]), { lifetimeMs });
    bench.start(
      async (job) => {
        if (order.push(job.data.message) === 1) {
          began.resolve();
          await goOn.promise;
        }
        return finished;
      },
      { concurrency: 1 },
    );
    await began.promise;
    // The retries stand in their line by now; what comes in goes before them all the same.
    await bench.queue.add(messageTo("NEWER", ["a@one.example"]), { lifetimeMs });
    goOn.resolve();
    await until(() => isEmpty(bench), "all is done");
    assert.deepEqual(
      [order.slice(0, 2), order.slice(2).sort()],
      [
        ["NEW", "NEWER"],
        ["OLD1", "OLD2"],
      ],
    );
  }));

test("when deliver throws, the fault is told, and the job is put off and never failed", () =>
  withBench(async (bench) => {
    const bug = new Error("a bug");
    let runs = 0;
    await bench.queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs });
    bench.start(
      async () => {
        if (++runs <= 3) throw bug;
        return finished;
      },
      { pauseAfterFaultMs: 20 },
    );
    await until(() => isEmpty(bench), "all is done");
    assert.deepEqual(bench.faults, [bug, bug, bug]);
  }));

test("without another word a fault puts the job off by a quarter of a minute", () =>
  withBench(async (bench) => {
    await bench.queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs });
    bench.start(() => Promise.reject(new Error("a bug")));
    await until(async () => (await bench.queue.counts()).delayed === 1, "it is put off");
    const score = await bench.connection.redis.zscore("{relay}:delivery:delayed", "M1/one.example");
    const inMs = Number(score) / 0x1000 - Date.now();
    assert.ok(inMs > 10_000 && inMs < 16_000, `${inMs} ms`);
  }));

test("the jobs of a worker that died are taken by another, however often that happens", () =>
  withBench(async (bench) => {
    const silenceMs = 200;
    let runs = 0;
    await bench.queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs });
    // A worker that dies: it holds the job and never says a word again.
    for (let deaths = 0; deaths < 3; deaths++) {
      const began = gate();
      await using dying = await open(bench.redis.socketPath);
      let patient: ReturnType<Opened["openPatient"]> | undefined;
      const connection = { ...dying, openPatient: () => (patient = dying.openPatient()) };
      const worker = bench.start(
        async (_job, signal) => {
          runs++;
          began.resolve();
          return untilAborted(signal);
        },
        { connection, silenceMs },
      );
      await began.promise;
      await patient?.end();
      await worker.close(0);
    }
    bench.start(
      async () => {
        runs++;
        return finished;
      },
      { silenceMs },
    );
    await until(() => isEmpty(bench), "all is done");
    assert.equal(runs, 4);
    assert.equal((await bench.queue.counts()).failed, 0);
  }));

test("a job that is under way while Redis is killed is done all the same, and its result is not forgotten", () =>
  withBench(async (bench) => {
    const { redis, connection } = bench;
    const began = gate();
    const goOn = gate();
    const runs: DeliveryJobData[] = [];
    await bench.queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs });
    bench.start(async (job) => {
      runs.push(job.data);
      began.resolve();
      await goOn.promise;
      await job.save({ ...job.data, attempt: 1 });
      assert.ok((await job.readBody()) !== undefined);
      return finished;
    });
    await began.promise;
    const { pid } = redis;
    process.kill(pid, "SIGKILL");
    await until(() => connection.states.includes("lost"), "Redis is away");
    goOn.resolve();
    await until(() => redis.pid !== pid && connection.states.at(-1) === "ready", "Redis is back");
    await until(() => isEmpty(bench), "all is done");
    assert.equal(runs.length, 1);
    await bench.queue.add(messageTo("M2", ["a@one.example"]), { lifetimeMs });
    await until(() => isEmpty(bench), "the worker has recovered");
    assert.deepEqual(bench.faults, []);
  }));

test("a bounce and the note of it are written together, and the job goes on", () =>
  withBench(async (bench) => {
    const seen: string[] = [];
    await bench.queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs });
    bench.start(async (job) => {
      seen.push(job.data.message);
      if (job.data.message === "M1") {
        const recipients = job.data.recipients.map((each) => ({ ...each, state: "failed" as const, bounced: true }));
        await job.addBounce(messageTo("B1", ["app@sender.example"]), lifetimeMs, { ...job.data, recipients });
      }
      return finished;
    });
    await until(() => isEmpty(bench), "all is done");
    assert.deepEqual(seen, ["M1", "B1"]);
    assert.deepEqual(bench.faults, []);
  }));

test("close waits for what runs, and takes nothing more", () =>
  withBench(async (bench) => {
    const began = gate();
    const goOn = gate();
    let runs = 0;
    for (const id of ["M1", "M2"]) await bench.queue.add(messageTo(id, ["a@one.example"]), { lifetimeMs });
    const worker = bench.start(
      async (_job, signal) => {
        runs++;
        began.resolve();
        await goOn.promise;
        assert.equal(signal.aborted, false);
        return finished;
      },
      { concurrency: 1 },
    );
    await began.promise;
    const closed = worker.close(60_000);
    goOn.resolve();
    await closed;
    assert.equal(runs, 1);
    const { waiting, active } = await bench.queue.counts();
    assert.deepEqual([waiting, active], [1, 0]);
  }));

test("after the grace what still runs is aborted and given back, so that another worker takes it at once", () =>
  withBench(async (bench) => {
    const began = gate();
    await bench.queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs });
    const worker = bench.start((_job, signal) => {
      began.resolve();
      return untilAborted(signal);
    });
    await began.promise;
    await worker.close(10);
    const { waiting, active } = await bench.queue.counts();
    assert.deepEqual([waiting, active], [1, 0]);
    bench.start(async () => finished);
    await until(() => isEmpty(bench), "another has done it");
    assert.deepEqual(bench.faults, []);
  }));

test("a deliver that does not listen to the abort is given back all the same", () =>
  withBench(async (bench) => {
    const began = gate();
    await bench.queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs });
    const worker = bench.start(() => {
      began.resolve();
      return new Promise(() => {});
    });
    await began.promise;
    await worker.close(0);
    assert.equal((await bench.queue.counts()).waiting, 1);
  }));

test("a worker can be closed while Redis is away", () =>
  withBench(async (bench) => {
    const began = gate();
    await bench.queue.add(messageTo("M1", ["a@one.example"]), { lifetimeMs });
    const busy = bench.start(
      (_job, signal) => {
        began.resolve();
        return untilAborted(signal);
      },
      { concurrency: 1 },
    );
    await began.promise;
    const idle = bench.start(async () => finished);
    await bench.redis.stop();
    await until(() => bench.connection.states.at(-1) === "lost", "Redis is away");
    const begun = performance.now();
    await Promise.all([busy.close(0), idle.close(100)]);
    assert.ok(performance.now() - begun < 5_000);
  }));
