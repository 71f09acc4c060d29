import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createMessageIds } from "../../src/mail/message-id.ts";
import type { Deliver } from "../../src/store/delivery-worker.ts";
import { KeptTexts, type KeptTextsOptions } from "../../src/store/kept-texts.ts";
import { createMailQueue } from "../../src/store/mail-queue.ts";
import { lifetimeMs, messageTo, until } from "./support.ts";
import { openWorkerBench } from "./worker-bench.ts";

const text = Buffer.from("Subject: hello\r\n\r\nhello\r\n");

function keeper(options: Partial<KeptTextsOptions> = {}) {
  const ids = createMessageIds();
  const kept = new KeptTexts({ mark: ids.mark, ...options });
  return { kept, ids, next: () => ids.next(Date.now()) };
}

test("a text is kept until each job of its message is done", () => {
  const { kept, next } = keeper();
  const id = next();
  kept.keep(id, text, 2);
  assert.equal(kept.find(id, true), text);
  kept.done(id);
  assert.equal(kept.find(id, true), text);
  kept.done(id);
  assert.equal(kept.find(id, true), undefined);
  kept.done(id);
});

test("a message that was not taken is forgotten", () => {
  const { kept, next } = keeper({ maxBytes: text.length });
  const id = next();
  kept.keep(id, text, 2);
  kept.forget(id);
  assert.equal(kept.find(id, true), undefined);
  const other = next();
  kept.keep(other, text, 1);
  assert.equal(kept.find(other, true), text, "and takes no room");
});

const notKept: { name: string; options: Partial<KeptTextsOptions>; id?: string }[] = [
  { name: "of another process", options: {}, id: "01kb5c7v3gzz5qpar0" },
  { name: "of a message with an id of its own, as a report", options: {}, id: "M1" },
  { name: "that is too long", options: { longestBytes: text.length - 1 } },
  { name: "for which there is no room", options: { maxBytes: text.length - 1 } },
];
for (const { name, options, id } of notKept) {
  test(`a text ${name} is not kept`, () => {
    const { ids } = keeper();
    const kept = new KeptTexts({ mark: "00", ...options });
    const message = id ?? `${ids.next(Date.now()).slice(0, 10)}00aaaaaa`;
    kept.keep(message, text, 1);
    assert.equal(kept.find(message, true), undefined);
  });
}

test("what is full keeps what it has: that is taken first", () => {
  const { kept, next } = keeper({ maxBytes: 2 * text.length });
  const ids = [next(), next(), next()];
  for (const id of ids) kept.keep(id, text, 1);
  assert.deepEqual(
    ids.map((id) => kept.find(id, true)),
    [text, text, undefined],
  );
});

test("what nobody has asked for in time is dropped", async () => {
  const { kept, next } = keeper({ keptMs: 40 });
  const [first, second, third] = [next(), next(), next()];
  kept.keep(first, text, 1);
  await setTimeout(20);
  kept.keep(second, text, 1);
  await until(() => kept.find(first, false) === undefined, "it is dropped");
  await until(() => kept.find(second, false) === undefined, "so is one that came later");
  kept.keep(third, text, 1);
  await until(() => kept.find(third, false) === undefined, "and one that came when there was none");
});

test("Redis is asked for all texts when a new one is missing, until one is here again", () => {
  const { kept, ids, next } = keeper();
  assert.equal(kept.known, ids.mark);
  kept.find("M1", true);
  assert.equal(kept.known, ids.mark, "another process took that one");
  kept.find(next(), false);
  assert.equal(kept.known, ids.mark, "nobody keeps what was tried before");
  kept.find(next(), true);
  assert.equal(kept.known, "");
  const id = next();
  kept.keep(id, text, 1);
  kept.find(id, true);
  assert.equal(kept.known, ids.mark);
});

// With a Redis.

async function openBench(options: Partial<KeptTextsOptions> = {}) {
  const { kept, next } = keeper(options);
  const workers = await openWorkerBench({ kept });
  const { connection, queue } = workers;
  const seen: string[] = [];
  const deliver: Deliver = async (job) => {
    seen.push(`${job.data.domain} ${(await job.readBody())?.toString().slice(0, 14)}`);
    return { kind: "finished" };
  };
  /** How often a text was read in Redis: by itself, or along with a job. */
  const reads = { alone: 0, along: 0 };
  const monitor = await connection.redis.duplicate().monitor();
  monitor.on("monitor", (_time: string, [command, key]: string[], source: string) => {
    if (command?.toLowerCase() !== "hmget" || key?.startsWith("{relay}:body:") !== true) return;
    reads[source === "lua" ? "along" : "alone"] += 1;
  });
  return {
    connection,
    queue,
    next,
    seen,
    start: () => {
      const onFault = (_where: string, err: unknown) => assert.fail(String(err));
      workers.start(deliver, { concurrency: 2, onFault });
    },
    reads,
    async [Symbol.asyncDispose]() {
      monitor.disconnect();
      await workers[Symbol.asyncDispose]();
    },
  };
}

const hello = (domain: string) => `${domain} Subject: hello`;

test("a text that is kept is not read in Redis", async () => {
  await using bench = await openBench();
  await bench.queue.add(messageTo(bench.next(), ["a@one.example", "b@two.example"]), { lifetimeMs });
  await bench.queue.add(messageTo(bench.next(), ["a@three.example"]), { lifetimeMs });
  bench.start();
  await until(() => bench.seen.length === 3, "all are delivered");
  assert.deepEqual(bench.seen.sort(), ["one.example", "three.example", "two.example"].map(hello));
  assert.deepEqual(bench.reads, { alone: 0, along: 0 });
});

test("a text that is kept no more is read, and the next ones come along", async () => {
  await using bench = await openBench({ longestBytes: 1 });
  const domains = ["a.example", "b.example", "c.example", "d.example", "e.example"];
  const ids = [bench.next(), bench.next(), bench.next(), bench.next(), "M5"];
  for (const [index, id] of ids.entries()) {
    await bench.queue.add(messageTo(id, [`user@${domains[index]}`]), { lifetimeMs });
  }
  bench.start();
  await until(() => bench.seen.length === domains.length, "all are delivered");
  assert.deepEqual(bench.seen.sort(), domains.map(hello));
  await until(() => bench.reads.alone + bench.reads.along === domains.length, "each is read once");
  // Two were fetched before one was found missing.
  assert.deepEqual(bench.reads, { alone: 2, along: 3 });
});

test("after one that was not kept, those that are do not come along any longer than they must", async () => {
  await using bench = await openBench({ longestBytes: text.length });
  bench.start();
  const long = `${text.toString()}${text.toString()}`;
  for (const [index, data] of [long, ...Array.from({ length: 3 }, () => text.toString())].entries()) {
    await bench.queue.add(messageTo(bench.next(), ["a@one.example"], data), { lifetimeMs });
    await until(() => bench.seen.length === index + 1, "it is delivered");
  }
  // Heard of last: what was read before has been counted by then.
  await bench.connection.redis.hmget("{relay}:body:none", "data");
  await until(() => bench.reads.alone === 2, "it is counted");
  // The long one, this one, and the one that was fetched before the next was found here.
  assert.deepEqual(bench.reads, { alone: 2, along: 1 });
});

test("mail of another process is delivered like one's own", async () => {
  await using bench = await openBench();
  const other = createMailQueue({ connection: bench.connection });
  await other.add(messageTo(createMessageIds().next(Date.now()), ["a@one.example"]), { lifetimeMs });
  bench.start();
  await until(() => bench.seen.length === 1, "it is delivered");
  assert.deepEqual(bench.seen, [hello("one.example")]);
  await other.close();
});
