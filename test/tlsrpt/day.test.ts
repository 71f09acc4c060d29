import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY_MS, dayOf, dueAt, endOf, giveUpAt, parseDay, retryAt, startOf } from "../../src/tlsrpt/day.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

test("a day is a UTC day, from midnight to midnight (RPT-TIME-1)", () => {
  const midnight = Date.parse("2026-11-22T00:00:00Z");
  assert.equal(dayOf(midnight), "2026-11-22");
  assert.equal(dayOf(midnight - 1), "2026-11-21");
  assert.equal(dayOf(midnight + DAY_MS - 1), "2026-11-22");
  assert.equal(startOf("2026-11-22"), midnight);
  assert.equal(endOf("2026-11-22"), midnight + DAY_MS);
  const days = {
    "2026-11-22": true,
    "2026-11-31": false,
    "2026-1-2": false,
    today: false,
    "": false,
    "2026-11-22T00": false,
  };
  for (const [text, expected] of Object.entries(days)) assert.equal(parseDay(text) !== undefined, expected, text);
});

test("reports are due within four hours after the day, spread over that time, the same in every process (RPT-TIME-1)", () => {
  const delays = Array.from({ length: 1000 }, (_, i) => dueAt("2026-11-22", `d${i}.example`) - endOf("2026-11-22"));
  assert.ok(Math.min(...delays) >= 5 * MINUTE_MS);
  assert.ok(Math.max(...delays) < 4 * HOUR_MS);
  for (let hour = 0; hour < 4; hour++) {
    const share = delays.filter((delay) => delay >= hour * HOUR_MS && delay < (hour + 1) * HOUR_MS).length;
    assert.ok(share > 150 && share < 350, `${share} in hour ${hour}`);
  }
  assert.equal(dueAt("2026-11-22", "a.example"), dueAt("2026-11-22", "a.example"));
  assert.notEqual(dueAt("2026-11-22", "a.example") - DAY_MS, dueAt("2026-11-21", "a.example"));
});

test("a report that fails is tried again, at growing intervals, for a day (RPT-SEND-3)", () => {
  const waits = [1, 2, 3, 4, 5, 6, 50].map((attempts) => retryAt(0, attempts) / MINUTE_MS);
  assert.deepEqual(waits, [5, 10, 20, 40, 80, 120, 120]);
  assert.equal(giveUpAt("2026-11-22", "a.example") - dueAt("2026-11-22", "a.example"), DAY_MS);
});
