import assert from "node:assert/strict";
import { test } from "node:test";
import { createPacer } from "../../src/delivery/pacer.ts";

const signal = new AbortController().signal;

test("one after the other goes on, each a while after the one before, and the first at once", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 1_000;
  const turn = createPacer(2, () => now);
  const gone: string[] = [];
  for (const name of ["a", "b", "c"]) void turn(signal).then(() => gone.push(name));
  const passed = async (ms: number) => {
    now += ms;
    context.mock.timers.tick(ms);
    await Promise.resolve().then(() => undefined);
    return gone.join("");
  };
  assert.equal(await passed(0), "a");
  assert.equal(await passed(1), "a");
  assert.equal(await passed(1), "ab");
  assert.equal(await passed(2), "abc");
  await passed(10);
  void turn(signal).then(() => gone.push("d"));
  assert.equal(await passed(0), "abcd", "after a pause nobody waits");
});

test("who is told to stop does not wait for its turn", async () => {
  const turn = createPacer(60_000);
  const stop = new AbortController();
  await turn(stop.signal);
  const waiting = turn(stop.signal);
  stop.abort();
  await waiting;
  await turn(stop.signal);
});
