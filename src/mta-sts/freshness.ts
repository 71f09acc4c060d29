/**
 * The times in a policy's life: its end, its next refresh, and the pause after
 * a fetch that failed. RFC 8461 section 3.3 and section 5.1.
 */
import type { KnownFailure, KnownPolicy, Policy } from "./answer.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A policy that lives for minutes is not fetched without pause. */
const LEAST_REFRESH_MS = 5 * MINUTE_MS;

/** RFC 8461 section 3.3: five minutes or longer. */
const FIRST_PAUSE_MS = 5 * MINUTE_MS;
const LONGEST_PAUSE_MS = HOUR_MS;

/** Until when a policy may be used. Counted from the fetch: use does not prolong it. */
export const expiryOf = (policy: Policy, fetchedAt: number): number => fetchedAt + policy.maxAgeSeconds * 1000;

export const isInForce = (known: KnownPolicy, now: number): boolean => now < known.expiresAt;

/** RFC 8461 section 10.2 suggests once a day. */
export const USUAL_REFRESH_MS = DAY_MS;

/**
 * When to fetch it anew, mail or no mail: after `everyMs`, or half of max_age if
 * that is shorter, but not within five minutes. Moved by up to a tenth either
 * way, so that domains met together part.
 * @param random in [0, 1)
 */
export function refreshAt(known: KnownPolicy, random: number, everyMs = USUAL_REFRESH_MS): number {
  const half = (known.policy.maxAgeSeconds * 1000) / 2;
  const wait = Math.max(LEAST_REFRESH_MS, Math.min(everyMs, half));
  return known.fetchedAt + Math.round(wait * (0.9 + random * 0.2));
}

/** When to try again after a refresh that failed: early and often enough before the policy ends. */
export const refreshRetryAt = (now: number): number => now + HOUR_MS;

/**
 * Until when no further fetch is made for the record id. Five minutes at first;
 * twice the pause before it, up to an hour, as long as the same id goes on failing.
 */
export function pauseUntil(previous: KnownFailure | undefined, id: string, now: number): number {
  const before = previous?.id === id ? previous.retryAt - previous.failedAt : 0;
  return now + Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, 2 * before));
}
