import assert from "node:assert/strict";
import { test } from "node:test";
import { createPace, pauseAfter } from "../../src/store/gentle-pace.ts";

test("a pause is as long as the step was, after a look at things half as long, within bounds", () => {
  const cases: [tookMs: number, changing: number, reading: number][] = [
    [0, 1, 1],
    [0.4, 1, 1],
    [3, 3, 1.5],
    [6, 6, 3],
    [12, 6, 6],
    // Most of it was a wait for others, who have had their turn.
    [40, 6, 6],
    [5_000, 6, 6],
  ];
  for (const [tookMs, changing, reading] of cases) {
    assert.deepEqual([pauseAfter(tookMs, "changing"), pauseAfter(tookMs, "reading")], [changing, reading], `${tookMs}`);
  }
});

test("a step waits for the end of the pause; what was done meanwhile counts, and a step that fails is one", async () => {
  let clock = 0;
  const waits: number[] = [];
  const pace = createPace("changing", {
    now: () => clock,
    sleep: async (ms) => {
      waits.push(ms);
      clock += ms;
    },
  });
  const step = (tookMs: number, fault?: Error) =>
    pace(async () => {
      clock += tookMs;
      if (fault !== undefined) throw fault;
      return clock;
    });
  assert.equal(await step(4), 4);
  assert.equal(await step(2), 10);
  assert.deepEqual(waits, [4]);
  clock += 1.5;
  await assert.rejects(step(3, new Error("away")), /away/);
  assert.deepEqual(waits, [4, 0.5]);
  await step(1);
  assert.deepEqual(waits, [4, 0.5, 3]);
  clock += 100;
  await step(1);
  assert.deepEqual(waits, [4, 0.5, 3]);
});
