import assert from "node:assert/strict";
import { test } from "node:test";
import { fromNow, roughly, timeText } from "../../src/operate/rough-time.ts";

test("durations are said as people say them", () => {
  const cases: [number, string][] = [
    [0, "0 s"],
    [49_600, "50 s"],
    [90_000, "90 s"],
    [120_000, "2 min"],
    [3_600_000, "60 min"],
    [7_200_000, "2 h"],
    [86_400_000, "24 h"],
    [172_800_000, "2 days"],
  ];
  for (const [ms, words] of cases) assert.equal(roughly(ms), words);
});

test("times are said from now", () => {
  const now = Date.parse("2026-11-22T10:00:00Z");
  assert.equal(fromNow(now + 50_000, now), "in 50 s");
  assert.equal(fromNow(now - 300_000, now), "5 min ago");
  assert.equal(fromNow(now + 400, now), "now");
  assert.equal(timeText(now), "2026-11-22 10:00:00 UTC");
});
