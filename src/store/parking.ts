/**
 * Delivery jobs that wait for a turn at their destination: put off like others,
 * and in a list of their destination, from which they are made due when a turn
 * becomes free.
 */
import type { Redis } from "ioredis";
import { destinationOfParked, parkedKey, parkedKeyPattern } from "./keys.ts";
import { delayedKey, makeDueLua, markerKey } from "./queue-layout.ts";
import { createScript } from "./script.ts";

/** Those in the list come by themselves when their time is over; the list goes with the last of them. */
const LIST_LIVES_MS = 10 * 60_000;

/** For a job that is put off already. */
export async function park(redis: Redis, destination: string, jobId: string): Promise<void> {
  await redis.multi().rpush(parkedKey(destination), jobId).pexpire(parkedKey(destination), LIST_LIVES_MS).exec();
}

/** Makes up to `count` of them due, the one that waits longest first; gives how many. */
export async function wakeParked(redis: Redis, destination: string, count: number, now: number): Promise<number> {
  return Number(await script(redis, [parkedKey(destination), delayedKey, markerKey], [count, now]));
}

/**
 * Makes up to `count` due for each destination: the process that should wake them
 * may have died. Those woken in vain are parked again.
 */
export async function wakeAllParked(redis: Redis, count: number, now: number): Promise<void> {
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", parkedKeyPattern, "COUNT", 1_000);
    for (const key of keys) await wakeParked(redis, destinationOfParked(key), count, now);
    cursor = next;
  } while (cursor !== "0");
}

// One that is not put off any more has been taken in the meantime: it does not count.
const script = createScript(`
  ${makeDueLua}
  local woken = 0
  for _ = 1, 1000 do
    if woken >= tonumber(ARGV[1]) then break end
    local id = redis.call("LPOP", KEYS[1])
    if not id then break end
    if redis.call("ZSCORE", KEYS[2], id) then
      makeDue(KEYS[2], KEYS[3], id, ARGV[2])
      woken = woken + 1
    end
  end
  return woken
`);
