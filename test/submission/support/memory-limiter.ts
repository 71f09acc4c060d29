/** Counts in this process; its time is never over. */
import type { Limiter } from "../../../src/store/limiter.ts";

export type MemoryLimiter = Limiter & { counts: Map<string, number> };

export function memoryLimiter(count: number, resetMs = 60_000): MemoryLimiter {
  const counts = new Map<string, number>();
  const add = (key: string, points: number) => {
    const used = (counts.get(key) ?? 0) + points;
    counts.set(key, used);
    return used;
  };
  return {
    counts,
    take: async (key) => {
      const used = add(key, 1);
      return { allowed: used <= count, used, resetMs };
    },
    giveBack: async (key) => void add(key, -1),
  };
}
