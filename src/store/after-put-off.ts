/**
 * What is left to do for a job that a worker has just put off: its attempt goes
 * into the history, and what an operator ordered meanwhile is seen to.
 */
import type { Redis } from "ioredis";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import type { HistoryEntry } from "../mail/history.ts";
import { type JobOrder, orderField, writeOrder } from "./job-order.ts";
import { appendLua, historyArguments, historyKeys, unfoldLua } from "./history-write.ts";
import { deliveryJobId, deliveryJobKey, heldKey } from "./keys.ts";
import { delayedKey, makeDueLua, markerKey } from "./queue-layout.ts";
import { createScript } from "./script.ts";

/** @param seen the order that the worker had before it began, and did not get done */
export async function afterPutOff(
  redis: Redis,
  { message, domain }: DeliveryJobData,
  now: number,
  { entries, seen }: { entries: HistoryEntry[]; seen?: JobOrder },
): Promise<void> {
  const id = deliveryJobId(message, domain);
  const keys = [delayedKey, markerKey, heldKey, deliveryJobKey(id), ...historyKeys(message)];
  const job = [id, orderField, now, seen === undefined ? "" : writeOrder(seen)];
  await script(redis, keys, [...job, ...historyArguments(message, now, entries)]);
}

// An order to hold is carried out here. Any other is for the worker: with the
// job due at once, one takes it and finds the order. Not so one that a worker
// has failed at: that is tried again at the job's time, lest it go round and round.
const script = createScript(`
  ${makeDueLua}
  ${unfoldLua}
  ${appendLua}
  local delayed, marker, held, key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
  local id, field, now = ARGV[1], ARGV[2], ARGV[3]
  local order = redis.call("HGET", key, field)
  if order and redis.call("ZSCORE", delayed, id) then
    local ok, wanted = pcall(cjson.decode, order)
    if ok and type(wanted) == "table" and wanted.verb == "hold" then
      redis.call("ZREM", delayed, id)
      redis.call("ZADD", held, now, id)
      redis.call("HDEL", key, field)
    elseif order ~= ARGV[4] then
      makeDue(delayed, marker, id, now)
    end
  end
  appendHistory(KEYS[5], KEYS[6], ARGV, 5)
`);
