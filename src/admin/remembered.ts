/**
 * An answer that is dear to find: found once for all who ask at a time, kept for
 * a moment, and longer the longer it took. However many pages are open, at most a
 * twentieth of the time goes into it.
 */
const SHARE = 20;

export function createRemembered<T>(find: () => Promise<T>, rule: { leastMs: number; now: () => number }) {
  const { leastMs, now } = rule;
  let kept: { value: T; until: number } | undefined;
  let finding: Promise<T> | undefined;

  const begin = (): Promise<T> => {
    const startedAt = now();
    const mine: Promise<T> = find()
      .then((value) => {
        const endedAt = now();
        // What was begun before `forget` is of no use to those who ask after it.
        if (finding === mine) kept = { value, until: endedAt + Math.max(leastMs, SHARE * (endedAt - startedAt)) };
        return value;
      })
      .finally(() => {
        if (finding === mine) finding = undefined;
      });
    return mine;
  };
  return {
    get(): Promise<T> {
      if (kept !== undefined && now() < kept.until) return Promise.resolve(kept.value);
      finding ??= begin();
      return finding;
    },
    /** What is known is no longer so. */
    forget(): void {
      kept = undefined;
      finding = undefined;
    },
  };
}
