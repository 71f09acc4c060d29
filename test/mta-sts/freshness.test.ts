/** The times in a policy's life. RFC 8461 section 3.3. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KnownFailure, KnownPolicy } from "../../src/mta-sts/answer.ts";
import { expiryOf, isInForce, pauseUntil, refreshAt, refreshRetryAt } from "../../src/mta-sts/freshness.ts";

const T = 1_700_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function known(maxAgeSeconds: number): KnownPolicy {
  const policy = { mode: "enforce" as const, mx: ["a.example"], maxAgeSeconds };
  return { domain: "d.example", id: "1", policy, text: "", fetchedAt: T, expiresAt: expiryOf(policy, T) };
}

test("a policy is in force for max_age seconds from its fetch, and not a moment longer (STS-CACHE-1)", () => {
  const policy = known(60);
  assert.equal(policy.expiresAt, T + MINUTE);
  assert.equal(isInForce(policy, T), true);
  assert.equal(isInForce(policy, T + MINUTE - 1), true);
  assert.equal(isInForce(policy, T + MINUTE), false);
  assert.equal(isInForce(known(0), T), false);
});

test("it is refreshed about once a day, earlier if it lives shorter, and before it ends (STS-CACHE-3)", () => {
  const cases: [maxAgeSeconds: number, random: number, after: number][] = [
    [31_557_600, 0.5, DAY],
    [31_557_600, 0, 0.9 * DAY],
    [31_557_600, 0.999_999, 1.1 * DAY],
    [172_800, 0.5, DAY],
    [86_400, 0.5, 12 * HOUR],
    [3_600, 0.5, 30 * MINUTE],
    // A life of minutes or seconds is no reason to ask without pause.
    [600, 0.5, 5 * MINUTE],
    [1, 0.5, 5 * MINUTE],
    [0, 0, 4.5 * MINUTE],
  ];
  for (const [maxAgeSeconds, random, after] of cases) {
    const at = refreshAt(known(maxAgeSeconds), random);
    assert.ok(Math.abs(at - T - after) < 1_000, `${maxAgeSeconds}: ${at - T} instead of ${after}`);
    if (maxAgeSeconds >= 660) assert.ok(at < known(maxAgeSeconds).expiresAt);
  }
  assert.equal(refreshRetryAt(T), T + HOUR);
  assert.equal(refreshAt(known(31_557_600), 0.5, 6 * HOUR), T + 6 * HOUR, "as often as the operator wants");
});

test("the pause after a failed fetch is five minutes, and doubles up to an hour (STS-GET-7)", () => {
  let failure: KnownFailure | undefined;
  const pauses: number[] = [];
  for (let now = T; pauses.length < 6; now = failure.retryAt) {
    const retryAt = pauseUntil(failure, "1", now);
    failure = { resultType: "sts-policy-fetch-error", detail: "", id: "1", failedAt: now, retryAt };
    pauses.push((retryAt - now) / MINUTE);
  }
  assert.deepEqual(pauses, [5, 10, 20, 40, 60, 60]);
  assert.equal(pauseUntil(failure, "2", T), T + 5 * MINUTE, "another id starts anew");
});
