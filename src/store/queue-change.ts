/**
 * What an operator does to delivery jobs, while workers run. A job that a
 * worker has in hand is never taken from under it: the order is left in it, and
 * the worker carries it out.
 */
import type { Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import type { OperatorEntry, OperatorVerb } from "../mail/history.ts";
import { closeLua } from "./body.ts";
import { createPace } from "./gentle-pace.ts";
import { appendLua, unfoldLua } from "./history-write.ts";
import { orderField, writeOrder } from "./job-order.ts";
import { bodyKey, deliveryJobKey, historyByTimeKey, historyKey, openField } from "./keys.ts";
import { jobKeySuffixes, locateEachLua, locateKeys, makeDueLua, markerKey, waitKey } from "./queue-layout.ts";
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

/** Small: Redis does nothing else meanwhile, and a job takes it up to 30 µs. */
const STEP = 100;

type Job = { id: string; domain: Domain };

/**
 * Changes the jobs step by step, with pauses for those who deliver mail, and
 * tells after each step what became of how many. Rejects with the signal's
 * reason when aborted, with a `StoreError` while Redis is away; what was told
 * is done then.
 */
export async function* changeJobs(
  redis: Redis,
  change: Change,
  jobs: Job[],
  now: () => number,
  signal?: AbortSignal,
): AsyncGenerator<Record<ChangeResult, number>> {
  const pace = createPace();
  for (let start = 0; start < jobs.length; start += STEP) {
    signal?.throwIfAborted();
    const counts: Record<ChangeResult, number> = { done: 0, ordered: 0, already: 0, gone: 0 };
    for (let left = jobs.slice(start, start + STEP); left.length > 0;) {
      const results = await pace(() => changeStep(redis, change, left, now()));
      for (const result of results) if (result !== "again") counts[result] += 1;
      left = left.filter((_, index) => results[index] === "again");
    }
    yield counts;
  }
}

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
  ${locateEachLua}
  ${makeDueLua}
  ${unfoldLua}
  ${closeLua}
  ${appendLua}
  local held, delayed, prioritized, wait, marker, byTime = unpack(KEYS)
  local verb, now, order = ARGV[1], ARGV[2], ARGV[3]
  local score = string.format("%.0f", dueScore(now))

  local ids, domains = {}, {}
  for i = 6, #ARGV, 2 do
    ids[#ids + 1] = ARGV[i]
    domains[#domains + 1] = ARGV[i + 1]
  end
  local states = locateEach(held, delayed, prioritized, "${deliveryJobKey("")}", ids)

  local entries = {}
  local function entryOf(domain, ordered)
    local known = (ordered and "o" or "d") .. domain
    if not entries[known] then
      entries[known] = string.gsub(ordered and ARGV[5] or ARGV[4], '"domain":""', function()
        return '"domain":' .. cjson.encode(domain)
      end, 1)
    end
    return entries[known]
  end

  -- What is done to many jobs alike is done to all of them in one go: a command for each takes several times as long.
  local later = {}
  local function andLater(command, key, ...)
    local name = command .. key
    local batch = later[name]
    if not batch then
      batch = { command, key }
      later[name] = batch
      later[#later + 1] = batch
    end
    for _, argument in ipairs({ ... }) do batch[#batch + 1] = argument end
  end

  local noted = { "ZADD", byTime, "XX" }
  local function append(i, message, entry)
    unfold(message)
    return appendOne("${historyKey("")}" .. message, entry, domains[i], "")
  end

  local function note(i, ordered)
    local message = string.match(ids[i], "^(.-)/")
    local ok, length = pcall(append, i, message, entryOf(domains[i], ordered))
    if ok and length > 0 then
      noted[#noted + 1] = now
      noted[#noted + 1] = message
    end
  end

  local function takeOut(i)
    local state = states[i]
    local key = state == "held" and held or state == "deferred" and delayed or state == "due" and prioritized
    if key then andLater("ZREM", key, ids[i]) end
  end

  local function leaveOrder(i)
    redis.call("HSET", "${deliveryJobKey("")}" .. ids[i], "${orderField}", order)
    note(i, true)
    return "ordered"
  end

  local isAnyDue = false
  local function becomeDue(i)
    if states[i] == "held" then takeOut(i) end
    andLater("ZADD", delayed, score, ids[i])
    isAnyDue = true
  end

  local verbs = {
    retry = function(i)
      if states[i] ~= "deferred" then return "already" end
      becomeDue(i)
      note(i)
      return "done"
    end,
    release = function(i)
      if states[i] == "held" then
        becomeDue(i)
      else
        local key = "${deliveryJobKey("")}" .. ids[i]
        local current = redis.call("HGET", key, "${orderField}")
        local ok, wanted = pcall(cjson.decode, current or "")
        if not ok or type(wanted) ~= "table" or wanted.verb ~= "hold" then return "already" end
        redis.call("HDEL", key, "${orderField}")
      end
      note(i)
      return "done"
    end,
    bounce = function(i)
      if states[i] == "held" or states[i] == "deferred" then becomeDue(i) end
      return leaveOrder(i)
    end,
    hold = function(i)
      if states[i] == "held" then return "already" end
      takeOut(i)
      andLater("ZADD", held, now, ids[i])
      note(i)
      return "done"
    end,
    drop = function(i)
      takeOut(i)
      local key = "${deliveryJobKey("")}" .. ids[i]
      redis.call("DEL", ${jobKeySuffixes.map((suffix) => `key .. ${JSON.stringify(suffix)}`).join(", ")})
      closeBody("${bodyKey("")}" .. string.match(ids[i], "^(.-)/"), "${openField("")}" .. domains[i])
      note(i)
      return "done"
    end,
  }
  local takesOut = verb == "hold" or verb == "drop"

  local results, waiting, waitingCount, first = {}, {}, 0, nil
  for i, state in ipairs(states) do
    if state == "gone" then
      results[i] = "gone"
    elseif state == "active" and takesOut then
      results[i] = leaveOrder(i)
    elseif state == "waiting" and takesOut then
      -- Not yet: all that are near each other in the list are taken out in one go.
      results[i] = "again"
      waiting[ids[i]] = i
      waitingCount = waitingCount + 1
      first = first or i
    else
      results[i] = verbs[verb](i)
    end
  end

  local function takeFromList()
    local start = redis.call("LPOS", wait, ids[first])
    if not start then
      -- Its worker has died, and nobody has taken it over yet.
      results[first] = leaveOrder(first)
      return
    end
    local removed = 0
    for from = start, start + ${STRETCH} - 1, ${WINDOW} do
      if removed == waitingCount then break end
      for offset, id in ipairs(redis.call("LRANGE", wait, from, from + ${WINDOW} - 1)) do
        local i = waiting[id]
        if i then
          redis.call("LSET", wait, from + offset - 1, "")
          removed = removed + 1
          results[i] = verbs[verb](i)
        end
      end
    end
    redis.call("LREM", wait, removed, "")
  end
  if first then takeFromList() end

  for _, batch in ipairs(later) do redis.call(unpack(batch)) end
  if isAnyDue then wakeWorker(marker, now) end
  if #noted > 3 then pcall(redis.call, unpack(noted)) end
  return results
`);
