/** Lets one after the other go on, at a steady rate. */

/**
 * Each call resolves at least `everyMs` after the one before it did, or when its
 * signal fires. One that comes after a pause does not wait.
 */
export function createPacer(
  everyMs: number,
  now: () => number = () => performance.now(),
): (signal: AbortSignal) => Promise<void> {
  let nextAt = 0;
  return (signal) => {
    const at = Math.max(now(), nextAt);
    nextAt = at + everyMs;
    const waitMs = at - now();
    if (waitMs <= 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, waitMs);
      signal.addEventListener("abort", end, { once: true });
    });
  };
}
