/** Which workers are there, as they say themselves: see `worker-presence.ts`. */
import type { Redis } from "ioredis";
import { workersKey } from "./keys.ts";
import { guarded } from "./store-error.ts";

/** How many have been heard of in the last `withinMs`. Rejects with a `StoreError` while Redis is away. */
export async function countWorkers(redis: Redis, withinMs: number): Promise<number> {
  const [fields, [seconds]] = await guarded(
    "look for workers",
    Promise.all([redis.hgetall(workersKey), redis.time() as Promise<unknown[]>]),
  );
  const since = Number(seconds) * 1_000 - withinMs;
  return Object.entries(fields).filter(([id, text]) => !id.startsWith("@") && Number.parseInt(text, 10) >= since)
    .length;
}
