/**
 * When a process that has ended is started again: at once after a long life,
 * later and later after short ones, so that one that cannot run does not take
 * the machine from those that can.
 */

/** A process that lived so long has done its work. */
const LONG_LIFE_MS = 10_000;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 15_000;

/** @param shortLives how many short lives there were in a row before this one */
export function restartAfter(livedMs: number, shortLives: number): { delayMs: number; shortLives: number } {
  if (livedMs >= LONG_LIFE_MS) return { delayMs: 0, shortLives: 0 };
  return { delayMs: Math.min(FIRST_DELAY_MS * 2 ** shortLives, LONGEST_DELAY_MS), shortLives: shortLives + 1 };
}
