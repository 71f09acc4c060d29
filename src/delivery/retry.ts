/**
 * When a message that waits is tried again, and when it is given up.
 * RFC 5321 section 4.5.4.1.
 */

export type RetryRules = {
  /** Waiting times after the first, second … attempt; the last one repeats. */
  scheduleMs: number[];
  /** From acceptance to giving up. */
  lifetimeMs: number;
  /** Share of each waiting time that chance may add or take, so that retries do not come in step: 0 to 1. */
  jitter: number;
  /** From acceptance until the sender is told, once, that the message is late. */
  warnAfterMs: number;
};

/** An attempt that begins at `now` is the last one: if it defers, the message is given up. */
export function isLastAttempt(now: number, expiresAt: number): boolean {
  return now >= expiresAt;
}

/**
 * A message that a cached policy holds back is not given up before the DNS has
 * been asked whether there is a newer one. RFC 8461 section 5.1. While the DNS
 * cannot be asked it waits on, but not for more than its lifetime over again.
 */
export function mayWaitOn(now: number, expiresAt: number, rules: RetryRules): boolean {
  return now < expiresAt + rules.lifetimeMs;
}

/**
 * The time of the next attempt after `attempts` made. Never past the end of the
 * message's life: there it gets one last attempt.
 * @param random a number from 0 to below 1
 */
export function nextAttemptAt(
  now: number,
  attempts: number,
  expiresAt: number,
  rules: RetryRules,
  random: number,
): number {
  const step = Math.min(Math.max(attempts, 1), rules.scheduleMs.length) - 1;
  const waitMs = (rules.scheduleMs[step] ?? 60_000) * (1 + rules.jitter * (2 * random - 1));
  return Math.max(Math.min(now + Math.round(waitMs), expiresAt), now + 1000);
}
