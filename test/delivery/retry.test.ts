import assert from "node:assert/strict";
import { test } from "node:test";
import { isLastAttempt, nextAttemptAt } from "../../src/delivery/retry.ts";

const MINUTE = 60_000;
const RULES = {
  scheduleMs: [MINUTE, 5 * MINUTE, 30 * MINUTE],
  lifetimeMs: 1000 * MINUTE,
  jitter: 0,
  warnAfterMs: 240 * MINUTE,
};
const NOW = 1_000_000;
const LATER = NOW + RULES.lifetimeMs;

test("each attempt waits by the schedule, and the last step repeats (RFC 5321 section 4.5.4.1)", () => {
  const cases: [number, number][] = [
    [0, 1],
    [1, 1],
    [2, 5],
    [3, 30],
    [4, 30],
    [99, 30],
  ];
  for (const [attempts, minutes] of cases) {
    assert.equal(nextAttemptAt(NOW, attempts, LATER, RULES, 0.5), NOW + minutes * MINUTE, `after ${attempts}`);
  }
});

test("chance makes a wait longer or shorter by its share, and no more", () => {
  const rules = { ...RULES, jitter: 0.2 };
  assert.equal(nextAttemptAt(NOW, 2, LATER, rules, 0), NOW + 4 * MINUTE);
  assert.equal(nextAttemptAt(NOW, 2, LATER, rules, 0.5), NOW + 5 * MINUTE);
  assert.ok(nextAttemptAt(NOW, 2, LATER, rules, 0.999_999) <= NOW + 6 * MINUTE);
});

test("the next attempt is never after the end of the message's life, where it has its last one, and never at once", () => {
  assert.equal(nextAttemptAt(NOW, 3, NOW + 10 * MINUTE, RULES, 0.5), NOW + 10 * MINUTE);
  assert.equal(nextAttemptAt(NOW, 3, NOW - 5, RULES, 0.5), NOW + 1000);
  assert.equal(nextAttemptAt(NOW, 1, LATER, { ...RULES, scheduleMs: [0] }, 0), NOW + 1000);
});

test("an attempt is the last one from the very end of the message's life on", () => {
  assert.equal(isLastAttempt(NOW - 1, NOW), false);
  assert.equal(isLastAttempt(NOW, NOW), true);
  assert.equal(isLastAttempt(NOW + 1, NOW), true);
});
