import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { collect } from "../../src/submission/collect.ts";
import { createByteBudget } from "../../src/submission/limits.ts";

function limits(changes: { maxBytes?: number; timeoutMs?: number; budgetBytes?: number } = {}) {
  const budget = createByteBudget(() => changes.budgetBytes ?? 1000);
  return { maxBytes: changes.maxBytes ?? 100, timeoutMs: changes.timeoutMs ?? 60_000, budget };
}

/** Whether the whole budget is there again. */
const isFull = (given: ReturnType<typeof limits>, bytes = 1000) => given.budget.take(bytes);

test("the text is collected whole, and its memory is held until it is released", async () => {
  const given = limits();
  const stream = new PassThrough();
  const collected = collect(stream, given);
  stream.write("one ");
  stream.write("two");
  stream.end();
  const result = await collected;
  assert.ok(result.kind === "complete");
  assert.equal(result.data.toString(), "one two");
  assert.equal(given.budget.take(994), false);
  result.release();
  assert.ok(isFull(given));
});

test("a text of exactly the limit is taken, one byte more is not", async () => {
  for (const [bytes, kind] of [
    [100, "complete"],
    [101, "too-large"],
    [200, "too-large"],
  ] as const) {
    const stream = new PassThrough();
    const collected = collect(stream, limits());
    stream.end(Buffer.alloc(bytes));
    assert.equal((await collected).kind, kind, `${bytes} bytes`);
  }
});

test("a text over the limit is read to its end and not kept", async () => {
  const given = limits();
  const stream = new PassThrough();
  const collected = collect(stream, given);
  stream.write(Buffer.alloc(60));
  stream.write(Buffer.alloc(60));
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  assert.ok(isFull(given), "the memory is free before the client has ended");
  stream.end();
  assert.equal((await collected).kind, "too-large");
});

test("a client that sends on past twice the limit is not listened to", async () => {
  const given = limits();
  const stream = new PassThrough();
  const collected = collect(stream, given);
  stream.write(Buffer.alloc(150));
  stream.write(Buffer.alloc(51));
  assert.equal((await collected).kind, "flood");
  assert.ok(isFull(given));
});

test("when the shared memory is used up, the text is dropped", async () => {
  const given = limits({ budgetBytes: 50 });
  const stream = new PassThrough();
  const collected = collect(stream, given);
  stream.write(Buffer.alloc(40));
  stream.end(Buffer.alloc(20));
  assert.equal((await collected).kind, "no-room");
  assert.ok(isFull(given, 50));
});

test("half a text is never a message, with an error or without", async () => {
  for (const err of [undefined, new Error("reset")]) {
    const given = limits();
    const stream = new PassThrough();
    const collected = collect(stream, given);
    stream.write("half");
    stream.destroy(err);
    assert.equal((await collected).kind, "gone");
    assert.ok(isFull(given));
  }
});

test("a text that takes too long is given up", async () => {
  const given = limits({ timeoutMs: 1 });
  const stream = new PassThrough();
  stream.write("slow");
  assert.equal((await collect(stream, given)).kind, "too-slow");
  assert.ok(isFull(given));
});
