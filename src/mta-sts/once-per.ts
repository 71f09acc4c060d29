/**
 * Says whether something is to be told now or was told a short while ago: a
 * state seen with every message is news only the first time.
 */
import { createBoundedMap } from "./bounded-map.ts";

/** `true` at most once per key and period. */
export function createOncePer(periodMs: number, now: () => number, mostKeys = 10_000): (key: string) => boolean {
  const toldAt = createBoundedMap<number>(mostKeys);
  return (key) => {
    const last = toldAt.get(key);
    if (last !== undefined && now() - last < periodMs) return false;
    toldAt.set(key, now());
    return true;
  };
}
