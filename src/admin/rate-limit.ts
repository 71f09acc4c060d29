/** So many requests from one address in so long: a bucket that fills up again by the clock. */

export type RateLimit = {
  /** `false`: too many. */
  take(address: string): boolean;
};

/** Addresses that are remembered; beyond, all begin anew. */
const MOST = 10_000;

export function createRateLimit(rule: { perSecond: number; burst: number; now: () => number }): RateLimit {
  const { perSecond, burst, now } = rule;
  const buckets = new Map<string, { left: number; at: number }>();
  return {
    take(address) {
      const at = now();
      const before = buckets.get(address) ?? { left: burst, at };
      const left = Math.min(burst, before.left + ((at - before.at) / 1_000) * perSecond);
      if (buckets.size >= MOST) buckets.clear();
      buckets.set(address, { left: left < 1 ? left : left - 1, at });
      return left >= 1;
    },
  };
}
