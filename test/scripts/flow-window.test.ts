import assert from "node:assert/strict";
import { test } from "node:test";
import { type Flowed, flowWindow, missed } from "../../scripts/lib/flow-window.ts";

/** A message every 10 ms, each delivered after so many milliseconds; `undefined`: never. */
const flowOf = (delays: (number | undefined)[]): Flowed[] =>
  delays.map((delay, index) => ({
    dueAt: index * 10,
    ...(delay === undefined ? {} : { deliveredAt: index * 10 + delay }),
  }));

test("a window counts the mail that was due in it, and what of that came by its end and a short tail", () => {
  const cases: [what: string, flow: Flowed[], expected: { due: number; share: number; p50: number; p99: number }][] = [
    ["all in time", flowOf([5, 5, 5, 5]), { due: 4, share: 1, p50: 5, p99: 5 }],
    ["held up, and caught up within the window", flowOf([35, 25, 15, 5]), { due: 4, share: 1, p50: 25, p99: 35 }],
    ["one comes long after", flowOf([5, 5, 5, 900]), { due: 4, share: 0.75, p50: 5, p99: 900 }],
    ["one never comes", flowOf([5, undefined, 5, 5]), { due: 4, share: 0.75, p50: 5, p99: Infinity }],
    ["others are not looked at", flowOf([5, 5, 5, 5, 9_000, 9_000]), { due: 4, share: 1, p50: 5, p99: 5 }],
    ["no mail", [], { due: 0, share: 1, p50: 0, p99: 0 }],
  ];
  for (const [what, flow, expected] of cases) assert.deepEqual(flowWindow(flow, 0, 40), expected, what);
});

test("what is missed is named", () => {
  const targets = { seconds: 5, share: 0.95, p99: 500, commandMs: 20 };
  const well = { due: 100, share: 1, p50: 5, p99: 50 };
  const cases: [measured: Parameters<typeof missed>[0], expected: RegExp[]][] = [
    [{ seconds: 5, window: { ...well, share: 0.95 }, baseline: well, commandMs: 20 }, []],
    [{ seconds: 5.1, window: well, baseline: well, commandMs: 3 }, [/took 5\.1 s/]],
    [{ window: { ...well, share: 0.94 }, baseline: well, commandMs: 3 }, [/94\.0 % of the mail/]],
    // A machine that is too slow for the flow itself proves nothing against a command.
    [{ window: { ...well, share: 0.77 }, baseline: { ...well, share: 0.8 }, commandMs: 3 }, []],
    [{ window: { ...well, share: 0 }, baseline: { ...well, share: 0 }, commandMs: 3 }, [/0\.0 % of the mail/]],
    [{ window: { ...well, p99: 501 }, baseline: well, commandMs: 21 }, [/p99/, /21\.0 ms/]],
  ];
  for (const [measured, expected] of cases) {
    const words = missed(measured, targets);
    assert.equal(words.length, expected.length, words.join("; "));
    for (const [index, pattern] of expected.entries()) assert.match(words[index] ?? "", pattern);
  }
});
