import assert from "node:assert/strict";
import { test } from "node:test";
import { createPace, pauseAfter } from "../../src/store/gentle-pace.ts";

test("a pause is as long as the step was, within bounds", () => {
  const cases: [tookMs: number, pauseMs: number][] = [
    [0, 1],
    [0.4, 1],
    [3, 3],
    [6, 6],
    // Most of it was a wait for others, who have had their turn.
    [40, 6],
    [5_000, 6],
  ];
  for (const [tookMs, pauseMs] of cases) assert.equal(pauseAfter(tookMs), pauseMs, `${tookMs} ms`);
});

test("a step waits for the end of the pause; what was done meanwhile counts, and a step that fails is one", async () => {
  let clock = 0;
  const waits: number[] = [];
  const pace = createPace({
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
