/**
 * Counts for all processes in Redis: so many in so long, for each key. While
 * Redis cannot, each process holds its own clients to the same limit: neither is
 * all let through, nor is mail stopped for want of a count.
 */
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { StoreConnection } from "./connection.ts";
import { limitKey } from "./keys.ts";

export type Limiter = {
  /**
   * Counts one for the key. The time begins with the first; what is refused does
   * not make it longer, so no key is shut out for good. Never rejects for what Redis does.
   */
  take(key: string): Promise<Taken>;
  /** Takes back one that was counted in vain. */
  giveBack(key: string): Promise<void>;
};

export type Taken = {
  /** The key is within its limit, this one included. */
  allowed: boolean;
  /** Counted in this time, this one included. Where it is not `allowed` it may say 0. */
  used: number;
  /** How long until the key begins anew. */
  resetMs: number;
};

export type LimiterOptions = {
  connection: Pick<StoreConnection, "redis">;
  /** What is counted, as part of the keys in Redis. */
  name: string;
  count: number;
  /** Whole seconds. */
  periodMs: number;
};

export function createLimiter({ connection, name, count, periodMs }: LimiterOptions): Limiter {
  const duration = periodMs / 1_000;
  const rule = {
    points: count,
    duration,
    // With the time in it: counts of a time that was longer must not outlive a change of the settings.
    keyPrefix: limitKey(name, duration),
  };
  const limiter = new RateLimiterRedis({
    ...rule,
    storeClient: connection.redis,
    rejectIfRedisNotReady: true,
    // Who is over the limit is refused from memory: a flood of refusals does not reach Redis.
    inMemoryBlockOnConsumed: count + 1,
    insuranceLimiter: new RateLimiterMemory(rule),
  });
  return {
    take: (key) =>
      limiter.consume(key).then(
        (result) => taken(true, result),
        // "Over the limit" comes as a rejection, like an error would.
        (reason: unknown) => {
          if (reason instanceof RateLimiterRes) return taken(false, reason);
          throw reason;
        },
      ),
    giveBack: async (key) => {
      await limiter.reward(key);
    },
  };
}

const taken = (allowed: boolean, { consumedPoints, msBeforeNext }: RateLimiterRes): Taken => ({
  allowed,
  used: consumedPoints,
  resetMs: Math.max(0, msBeforeNext),
});
