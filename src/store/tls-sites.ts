/**
 * Which sites' mail hosts take TLS, and which of them have stopped. Many that
 * have nothing to do with each other and stop at once point to somebody on our
 * own way out.
 */
import type { StoreConnection } from "./connection.ts";
import { tlsLostSitesKey, tlsSitesKey } from "./keys.ts";
import { createScript } from "./script.ts";
import { guarded } from "./store-error.ts";

export type TlsSites = {
  /** What was seen since the last time. A site that never took TLS has none to lose. */
  note(seen: { taken: string[]; notOffered: string[]; at: number }): Promise<void>;
  /** The sites that stopped after `since`, and how many have not come back within a day. */
  lost(since: number, now: number): Promise<{ recent: string[]; all: number }>;
};

const MOST_SITES = 50_000;
const DAY_MS = 86_400_000;

/** All methods reject with a `StoreError` while Redis is away. */
export function createTlsSites({ redis }: StoreConnection): TlsSites {
  const keys = [tlsSitesKey, tlsLostSitesKey];
  return {
    async note({ taken, notOffered, at }) {
      if (taken.length + notOffered.length === 0) return;
      await guarded("keep what hosts offer", noteScript(redis, keys, [at, taken.length, ...taken, ...notOffered]));
    },
    async lost(since, now) {
      // After a day without TLS that is how the site is.
      await guarded("look at what hosts offer", forgetScript(redis, keys, [now - DAY_MS]));
      const reading = Promise.all([
        redis.zrange(tlsLostSitesKey, since, "+inf", "BYSCORE"),
        redis.zcard(tlsLostSitesKey),
      ]);
      const [recent, all] = await guarded("look at what hosts offer", reading);
      return { recent, all };
    },
  };
}

const noteScript = createScript(`
  local at, taken = ARGV[1], tonumber(ARGV[2])
  for i = 3, #ARGV do
    if i < 3 + taken then
      redis.call("ZADD", KEYS[1], at, ARGV[i])
      redis.call("ZREM", KEYS[2], ARGV[i])
    elseif redis.call("ZSCORE", KEYS[1], ARGV[i]) then
      redis.call("ZADD", KEYS[2], "NX", at, ARGV[i])
    end
  end
  redis.call("ZREMRANGEBYRANK", KEYS[1], 0, -${MOST_SITES + 1})
`);

const forgetScript = createScript(`
  for _, site in ipairs(redis.call("ZRANGE", KEYS[2], "-inf", ARGV[1], "BYSCORE")) do
    redis.call("ZREM", KEYS[1], site)
    redis.call("ZREM", KEYS[2], site)
  end
`);
