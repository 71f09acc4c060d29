/**
 * How fast the whole queue is gone through beside mail that is being delivered.
 * Redis does one thing at a time: each step is short, and after it Redis is left
 * to the others for as long as the step took.
 */
import { setTimeout } from "node:timers/promises";

const SHORTEST_PAUSE_MS = 1;

/** A step that took longer has waited behind others: Redis has been theirs meanwhile. */
const LONGEST_PAUSE_MS = 6;

/** @param tookMs from asking to the answer */
export function pauseAfter(tookMs: number): number {
  return Math.min(Math.max(tookMs, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS);
}

/** Begins a step when the pause after the one before is over. */
export type Pace = <T>(step: () => Promise<T>) => Promise<T>;

type Clock = { now: () => number; sleep: (ms: number) => Promise<void> };
const realClock: Clock = { now: () => performance.now(), sleep: setTimeout };

/** What is done between two steps is part of the pause. */
export function createPace({ now, sleep } = realClock): Pace {
  let nextAt = 0;
  return async (step) => {
    const waitMs = nextAt - now();
    if (waitMs > 0) await sleep(waitMs);
    const startedAt = now();
    try {
      return await step();
    } finally {
      const endedAt = now();
      nextAt = endedAt + pauseAfter(endedAt - startedAt);
    }
  };
}
