import assert from "node:assert/strict";
import { test } from "node:test";
import { createJoin } from "../../src/dns/joined.ts";

/** A run that ends when told, and remembers the signal it got. */
function manualRun() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const signals: AbortSignal[] = [];
  const start = (signal: AbortSignal) => {
    signals.push(signal);
    return promise;
  };
  return { start, signals, resolve, reject };
}

test("callers for the same key share one run, others have their own", async () => {
  const join = createJoin<string>();
  const [one, other] = [manualRun(), manualRun()];
  const results = [
    join("k", one.start, undefined),
    join("k", one.start, new AbortController().signal),
    join("other", other.start, undefined),
  ];
  one.resolve("one");
  other.resolve("other");
  assert.deepEqual(await Promise.all(results), ["one", "one", "other"]);
  assert.equal(one.signals.length, 1);
  assert.equal(other.signals.length, 1);
});

test("a finished run is not joined", async () => {
  const join = createJoin<string>();
  assert.equal(await join("k", async () => "first", undefined), "first");
  assert.equal(await join("k", async () => "second", undefined), "second");
});

test("a caller that leaves does not end the run for the others", async () => {
  const join = createJoin<string>();
  const run = manualRun();
  const leaving = new AbortController();
  const left = join("k", run.start, leaving.signal);
  const stayed = join("k", run.start, undefined);
  leaving.abort();
  assert.equal(await left, undefined);
  assert.equal(run.signals[0]?.aborted, false);
  run.resolve("done");
  assert.equal(await stayed, "done");
});

test("the run is aborted when its last caller leaves, and a newcomer starts anew", async () => {
  const join = createJoin<string>();
  const [run, next] = [manualRun(), manualRun()];
  const leaving = [new AbortController(), new AbortController()];
  const left = leaving.map(({ signal }) => join("k", run.start, signal));
  for (const controller of leaving) controller.abort();
  assert.deepEqual(await Promise.all(left), [undefined, undefined]);
  assert.equal(run.signals[0]?.aborted, true);

  const newcomer = join("k", next.start, undefined);
  run.resolve("too late");
  next.resolve("new");
  assert.equal(await newcomer, "new");
  assert.equal(next.signals[0]?.aborted, true, "a run that is over needs no sockets");
});

test("a caller that has left already starts nothing", async () => {
  const join = createJoin<string>();
  const run = manualRun();
  assert.equal(await join("k", run.start, AbortSignal.abort()), undefined);
  assert.equal(run.signals.length, 0);
});

test("a run that throws throws for every caller and is forgotten", async () => {
  const join = createJoin<string>();
  const run = manualRun();
  const results = [join("k", run.start, undefined), join("k", run.start, undefined)];
  run.reject(new Error("bug"));
  for (const result of results) await assert.rejects(result, /bug/);
  assert.equal(await join("k", async () => "fine", undefined), "fine");
});
