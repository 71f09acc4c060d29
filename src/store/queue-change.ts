/**
 * What an operator does to delivery jobs, while workers run. A job that a
 * worker has in hand is never taken from under it: the order is left in it, and
 * the worker carries it out.
 */
import type { Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import type { OperatorEntry, OperatorVerb } from "../mail/history.ts";
import { closeLua } from "./body.ts";
import { appendLua } from "./history-write.ts";
import { orderField, writeOrder } from "./job-order.ts";
import { bodyKey, deliveryJobKey, historyByTimeKey, historyKey, openField } from "./keys.ts";
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
const STEP = 150;

/** So that Redis has the next step while it writes one to the disk. */
const STEPS_UNDER_WAY = 3;

type Job = { id: string; domain: Domain };

/**
 * Changes the jobs step by step, and tells after each step what became of how many.
 * Aborted, it tells what was under way, then rejects with the signal's reason.
 * Rejects with a `StoreError` while Redis is away; what was told is done then.
 */
export async function* changeJobs(
  redis: Redis,
  change: Change,
  jobs: Job[],
  now: () => number,
  signal?: AbortSignal,
): AsyncGenerator<Record<ChangeResult, number>> {
  const underWay: Promise<Record<ChangeResult, number>>[] = [];
  for (let start = 0; start < jobs.length; start += STEP) {
    if (signal?.aborted === true) break;
    const step = changeSome(redis, change, jobs.slice(start, start + STEP), now);
    // Awaited below; one that fails before its turn is no unhandled rejection.
    step.catch(noop);
    underWay.push(step);
    if (underWay.length >= STEPS_UNDER_WAY) yield await (underWay.shift() ?? step);
  }
  for (const step of underWay) yield await step;
  signal?.throwIfAborted();
}

async function changeSome(
  redis: Redis,
  change: Change,
  jobs: Job[],
  now: () => number,
): Promise<Record<ChangeResult, number>> {
  const counts: Record<ChangeResult, number> = { done: 0, ordered: 0, already: 0, gone: 0 };
  for (let left = jobs; left.length > 0;) {
    const results = await changeStep(redis, change, left, now());
    for (const result of results) if (result !== "again") counts[result] += 1;
    left = left.filter((_, index) => results[index] === "again");
  }
  return counts;
}

function noop(): void {}

async function changeStep(redis: Redis, change: Change, jobs: Job[], now: number): Promise<(ChangeResult | "again")[]> {
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

/** The list of new mail is gone through in windows; longer stretches in one step would hold Redis up. */
const WINDOW = 500;
const STRETCH = 5_000;

const changeScript = createScript(`
  ${locateLua}
  ${makeDueLua}
  ${closeLua}
  ${appendLua}
  local held, delayed, prioritized, wait, marker, byTime = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
  local verb, now, order = ARGV[1], ARGV[2], ARGV[3]

  local entries = {}
  local function note(job, ordered)
    local known = (ordered and "o" or "d") .. job.domain
    local entry = entries[known]
    if not entry then
      entry = string.gsub(ordered and ARGV[5] or ARGV[4], '"domain":""', function()
        return '"domain":' .. cjson.encode(job.domain)
      end, 1)
      entries[known] = entry
    end
    local list = "${historyKey("")}" .. job.message
    appendHistory(list, byTime, { job.message, now, entry, job.domain, "" }, 1)
  end

  -- Where jobs are found most often is looked at first. A held one is not held anew.
  local function takeOut(job)
    if redis.call("ZREM", delayed, job.id) == 1 then return true end
    if verb == "drop" and redis.call("ZREM", held, job.id) == 1 then return true end
    return redis.call("ZREM", prioritized, job.id) == 1
  end

  local function leaveOrder(job)
    redis.call("HSET", job.key, "${orderField}", order)
    note(job, true)
    return "ordered"
  end

  local isAnyDue = false
  local function becomeDue(job)
    if job.state == "held" then redis.call("ZREM", held, job.id) end
    putDue(delayed, job.id, now)
    isAnyDue = true
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
        local current = redis.call("HGET", job.key, "${orderField}")
        local ok, wanted = pcall(cjson.decode, current or "")
        if not ok or type(wanted) ~= "table" or wanted.verb ~= "hold" then return "already" end
        redis.call("HDEL", job.key, "${orderField}")
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
      redis.call("ZADD", held, now, job.id)
      note(job)
      return "done"
    end,
    drop = function(job)
      redis.call("DEL", ${jobKeySuffixes.map((suffix) => `job.key .. ${JSON.stringify(suffix)}`).join(", ")})
      closeBody(job.body, job.openField)
      note(job)
      return "done"
    end,
  }
  local takesOut = verb == "hold" or verb == "drop"

  local results, waiting, waitingCount, first = {}, {}, 0, nil
  for i = 6, #ARGV, 2 do
    local id = ARGV[i]
    local message = string.match(id, "^(.-)/")
    local job = {
      id = id, domain = ARGV[i + 1], message = message, key = "${deliveryJobKey("")}" .. id,
      body = "${bodyKey("")}" .. message,
      openField = "${openField("")}" .. ARGV[i + 1],
      index = #results + 1,
    }
    local isOut = takesOut and takeOut(job)
    if not isOut then job.state = locate(held, delayed, prioritized, job.key, id) end
    if job.state == "gone" then
      table.insert(results, "gone")
    elseif job.state == "active" and takesOut then
      table.insert(results, leaveOrder(job))
    elseif job.state == "waiting" and takesOut then
      -- Not yet: all that are near each other in the list are taken out in one go.
      table.insert(results, "again")
      waiting[id] = job
      waitingCount = waitingCount + 1
      first = first or job
    else
      table.insert(results, verbs[verb](job))
    end
  end
  if isAnyDue then wakeWorker(marker, now) end
  if not first then return results end

  local start = redis.call("LPOS", wait, first.id)
  if not start then
    -- Its worker has died, and nobody has taken it over yet.
    results[first.index] = leaveOrder(first)
    return results
  end
  local removed = 0
  for from = start, start + ${STRETCH} - 1, ${WINDOW} do
    if removed == waitingCount then break end
    for offset, id in ipairs(redis.call("LRANGE", wait, from, from + ${WINDOW} - 1)) do
      local job = waiting[id]
      if job then
        redis.call("LSET", wait, from + offset - 1, "")
        removed = removed + 1
        results[job.index] = verbs[verb](job)
      end
    end
  end
  redis.call("LREM", wait, removed, "")
  return results
`);
