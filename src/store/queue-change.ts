/**
 * What an operator does to delivery jobs, while workers run. A job that a
 * worker has in hand is never taken from under it: the order is left beside the
 * message's text, and the worker carries it out.
 */
import type { Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import type { OperatorEntry, OperatorVerb } from "../mail/history.ts";
import { closeLua } from "./body.ts";
import { appendLua } from "./history-write.ts";
import { writeOrder } from "./job-order.ts";
import { bodyKey, deliveryJobKey, historyByTimeKey, historyKey, openField, orderField } from "./keys.ts";
import { jobKeySuffixes, locateKeys, locateLua, makeDueLua, markerKey, waitKey } from "./queue-layout.ts";
import { createScript } from "./script.ts";
import { guarded } from "./store-error.ts";

export type Change = {
  verb: OperatorVerb;
  /** Who wants it. */
  by: string;
  reason?: string;
};

export type ChangeResult =
  | "done"
  /** A worker carries it out: the one that has the job in hand, or for a bounce the next one that is free. */
  | "ordered"
  /** There was nothing to do. */
  | "already"
  /** It has left meanwhile. */
  | "gone";

/** Small, because Redis does nothing else meanwhile. */
const STEP = 100;

/**
 * Changes the jobs step by step, and tells after each step what became of how many.
 * Rejects with a `StoreError` while Redis is away; what was told is done then.
 */
export async function* changeJobs(
  redis: Redis,
  change: Change,
  jobs: { id: string; domain: Domain }[],
  now: () => number,
): AsyncGenerator<Record<ChangeResult, number>> {
  for (let start = 0; start < jobs.length; start += STEP) {
    const counts: Record<ChangeResult, number> = { done: 0, ordered: 0, already: 0, gone: 0 };
    let left = jobs.slice(start, start + STEP);
    while (left.length > 0) {
      const results = await changeStep(redis, change, left, now());
      for (const result of results) if (result !== "again") counts[result] += 1;
      left = left.filter((_, index) => results[index] === "again");
    }
    yield counts;
  }
}

async function changeStep(
  redis: Redis,
  change: Change,
  jobs: { id: string; domain: Domain }[],
  now: number,
): Promise<(ChangeResult | "again")[]> {
  const { verb, by, reason } = change;
  const why = reason === undefined ? {} : { reason };
  const at = new Date(now).toISOString();
  const entry: OperatorEntry = { kind: "operator", at, domain: "", verb, by, ...why };
  const order = verb === "hold" || verb === "bounce" || verb === "drop" ? writeOrder({ verb, by, ...why, at }) : "";
  const keys = [...locateKeys, waitKey, markerKey, historyByTimeKey];
  const fixed = [verb, now, order, JSON.stringify(entry), JSON.stringify({ ...entry, ordered: true })];
  const each = jobs.flatMap(({ id, domain }) => [id, domain]);
  const reply = await guarded("change the queue", changeScript(redis, keys, [...fixed, ...each]));
  return reply as (ChangeResult | "again")[];
}

/** Longer stretches of the list of new mail would hold Redis up. */
const STRETCH = 5_000;

const changeScript = createScript(`
  ${locateLua}
  ${makeDueLua}
  ${closeLua}
  ${appendLua}
  local held, delayed, prioritized, wait, marker, byTime = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
  local verb, now, order = ARGV[1], ARGV[2], ARGV[3]

  local function note(job, ordered)
    local entry = string.gsub(ordered and ARGV[5] or ARGV[4], '"domain":""', function()
      return '"domain":' .. cjson.encode(job.domain)
    end, 1)
    local list = "${historyKey("")}" .. job.message
    appendHistory(list, byTime, { job.message, now, entry, job.domain, "" }, 1)
  end

  local function takeOut(job)
    if job.state == "held" then redis.call("ZREM", held, job.id) end
    if job.state == "deferred" then redis.call("ZREM", delayed, job.id) end
    if job.state == "due" then redis.call("ZREM", prioritized, job.id) end
  end

  -- A missing text has no place for an order, and none is made for it.
  local function leaveOrder(job)
    if redis.call("EXISTS", job.body) == 0 then return "already" end
    redis.call("HSET", job.body, job.orderField, order)
    note(job, true)
    return "ordered"
  end

  local function becomeDue(job)
    takeOut(job)
    makeDue(delayed, marker, job.id, now)
  end

  local verbs = {
    retry = function(job)
      if job.state ~= "deferred" then return "already" end
      becomeDue(job)
      note(job)
      return "done"
    end,
    release = function(job)
      if job.state == "held" then
        becomeDue(job)
      else
        local current = redis.call("HGET", job.body, job.orderField)
        local ok, wanted = pcall(cjson.decode, current or "")
        if not ok or wanted.verb ~= "hold" then return "already" end
        redis.call("HDEL", job.body, job.orderField)
      end
      note(job)
      return "done"
    end,
    bounce = function(job)
      if job.state == "held" or job.state == "deferred" then becomeDue(job) end
      return leaveOrder(job)
    end,
    hold = function(job)
      if job.state == "held" then return "already" end
      takeOut(job)
      redis.call("ZADD", held, now, job.id)
      note(job)
      return "done"
    end,
    drop = function(job)
      takeOut(job)
      for _, suffix in ipairs({ ${jobKeySuffixes.map((suffix) => JSON.stringify(suffix)).join(", ")} }) do
        redis.call("DEL", job.key .. suffix)
      end
      closeBody(job.body, job.openField, job.orderField)
      note(job)
      return "done"
    end,
  }
  local takesOut = verb == "hold" or verb == "drop"

  local results, waiting, first = {}, {}, nil
  for i = 6, #ARGV, 2 do
    local id = ARGV[i]
    local message = string.match(id, "^(.-)/")
    local job = {
      id = id, domain = ARGV[i + 1], message = message, key = "${deliveryJobKey("")}" .. id,
      body = "${bodyKey("")}" .. message,
      openField = "${openField("")}" .. ARGV[i + 1], orderField = "${orderField("")}" .. ARGV[i + 1],
      index = #results + 1,
    }
    job.state = locate(held, delayed, prioritized, job.key, id)
    if job.state == "gone" then
      table.insert(results, "gone")
    elseif job.state == "active" and takesOut then
      table.insert(results, leaveOrder(job))
    elseif job.state == "waiting" and takesOut then
      -- Not yet: all that are near each other in the list are taken out in one go.
      table.insert(results, "again")
      waiting[id] = job
      first = first or job
    else
      table.insert(results, verbs[verb](job))
    end
  end
  if not first then return results end

  local start = redis.call("LPOS", wait, first.id)
  if not start then
    -- Its worker has died, and nobody has taken it over yet.
    results[first.index] = leaveOrder(first)
    return results
  end
  local removed = 0
  for offset, id in ipairs(redis.call("LRANGE", wait, start, start + ${STRETCH} - 1)) do
    local job = waiting[id]
    if job then
      redis.call("LSET", wait, start + offset - 1, "")
      removed = removed + 1
      results[job.index] = verbs[verb](job)
    end
  end
  redis.call("LREM", wait, removed, "")
  return results
`);
