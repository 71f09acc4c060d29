/**
 * Keeps the history within its bounds: its age, its number of messages, and the
 * memory of Redis, which mail needs more.
 */
import type { StoreConnection } from "./connection.ts";
import { acceptedField, bodyKey, historyByMessageIdKey, historyByTimeKey, historyKey } from "./keys.ts";
import { createScript } from "./script.ts";
import { guarded } from "./store-error.ts";
import { isOverWatermark, readMemory } from "./watermark.ts";

export type HistoryBounds = {
  /** How long after the latest thing that happened to it a message's history is kept. */
  retentionMs: number;
  /** The messages to keep; those to which something happened lately go last. 0: no history at all. */
  maxMessages: number;
  /** The part of Redis' `maxmemory` above which history gives way to mail. */
  memoryShare: number;
};

/** As Redis does nothing else meanwhile. */
const SLICE = 200;

/** Answers how many messages it has forgotten. Rejects with a `StoreError` while Redis is away. */
export async function trimHistory(
  { redis }: Pick<StoreConnection, "redis">,
  bounds: HistoryBounds,
  now: number,
  signal?: AbortSignal,
): Promise<number> {
  const memory = readMemory(await guarded("look at the memory", redis.info("memory")));
  const count = await guarded("count the history", redis.zcard(historyByTimeKey));
  // A fifth at a time: what that frees shows at the next look.
  const most = isOverWatermark(memory, bounds.memoryShare) ? Math.floor(count * 0.8) : Infinity;
  const limits = [now - bounds.retentionMs, Math.min(bounds.maxMessages, most, Number.MAX_SAFE_INTEGER), SLICE];
  const keys = [historyByTimeKey, historyByMessageIdKey, historyKey("")];
  let total = 0;
  for (;;) {
    signal?.throwIfAborted();
    const forgotten = Number(await guarded("trim the history", trimScript(redis, keys, limits)));
    total += forgotten;
    if (forgotten === 0) return total;
  }
}

const trimScript = createScript(`
  local byTime, byMessageId, prefix = KEYS[1], KEYS[2], KEYS[3]
  local ids = redis.call("ZRANGEBYSCORE", byTime, "-inf", ARGV[1], "LIMIT", 0, ARGV[3])
  if #ids == 0 then
    local surplus = math.min(redis.call("ZCARD", byTime) - tonumber(ARGV[2]), tonumber(ARGV[3]))
    if surplus > 0 then ids = redis.call("ZRANGE", byTime, 0, surplus - 1) end
  end
  for _, id in ipairs(ids) do
    local body = "${bodyKey("")}" .. id
    local first = redis.call("LINDEX", prefix .. id, 0) or redis.call("HGET", body, "${acceptedField}")
    local ok, entry = pcall(cjson.decode, first or "")
    if ok and type(entry) == "table" and entry.messageId then
      redis.call("ZREM", byMessageId, entry.messageId .. " " .. id)
    end
    redis.call("DEL", prefix .. id)
    redis.call("HDEL", body, "${acceptedField}")
    redis.call("ZREM", byTime, id)
  end
  return #ids
`);
