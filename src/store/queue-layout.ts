/**
 * Where BullMQ keeps the delivery jobs, as far as an operator's commands must
 * know. All of it is stated here; the tests run these commands beside real
 * workers, and so find out when BullMQ changes its ways.
 */
import { deliveryJobKey, heldKey } from "./keys.ts";

/** Where a delivery job stands. */
export type JobState =
  /** New mail, not yet begun. */
  | "waiting"
  /** In the hands of a worker. */
  | "active"
  /** Put off to a later time. */
  | "deferred"
  /** Tried before, and due now. */
  | "due"
  /** Kept back by an operator. */
  | "held";

/** New mail, not yet begun: a list, the next one at its right end. */
export const waitKey = deliveryJobKey("wait");

/** In the hands of a worker: a list. Each of them has a lock beside it. */
export const activeKey = deliveryJobKey("active");

/** Tried before, and due: a sorted set. */
export const prioritizedKey = deliveryJobKey("prioritized");

/** Put off: a sorted set, by the time of the next attempt times 4096. */
export const delayedKey = deliveryJobKey("delayed");

/** What idle workers wait at. A member `1` wakes one at the time that is its score. */
export const markerKey = deliveryJobKey("marker");

/** A set: jobs in the hands of workers, of which BullMQ moves those without a lock back at its next look. */
export const stalledKey = deliveryJobKey("stalled");

/** While it is there, BullMQ does not look. */
export const stalledCheckKey = deliveryJobKey("stalled-check");

/** A string, the token of the worker that has the job in hand: its id, a colon, a number. */
export const lockSuffix = ":lock";

/** Beside a job, as BullMQ deletes them with it. */
export const jobKeySuffixes = ["", ":logs", ":dependencies", ":processed", ":failed", ":unsuccessful"];

/** Epoch milliseconds of the next attempt. */
export const dueAtOfScore = (score: number): number => Math.floor(score / 0x1000);

/**
 * Defines `makeDue(delayed, marker, id, now)`: BullMQ itself then moves the job
 * to those that wait, in the order that its priority says. For many jobs its
 * two halves: `dueScore(now)` in `delayed` for each, then `wakeWorker(marker, now)`.
 */
export const makeDueLua = `
  local function dueScore(now)
    return tonumber(now) * 0x1000
  end
  local function wakeWorker(marker, now)
    redis.call("ZADD", marker, now, "1")
  end
  local function makeDue(delayed, marker, id, now)
    redis.call("ZADD", delayed, dueScore(now), id)
    wakeWorker(marker, now)
  end
`;

/** The keys that `locateLua` needs, in the order of its parameters. */
export const locateKeys = [heldKey, delayedKey, prioritizedKey];

/**
 * Defines `locate(held, delayed, prioritized, key, id)`: the state of a job, in
 * the words of `JobState`, and the score it has there. That it waits is what is
 * left: to look through the list would take too long.
 */
export const locateLua = `
  local function locate(held, delayed, prioritized, key, id)
    local score = redis.call("ZSCORE", held, id)
    if score then return "held", score end
    score = redis.call("ZSCORE", delayed, id)
    if score then return "deferred", score end
    if redis.call("ZSCORE", prioritized, id) then return "due" end
    if redis.call("EXISTS", key .. "${lockSuffix}") == 1 then return "active" end
    if redis.call("EXISTS", key) == 1 then return "waiting" end
    return "gone"
  end
`;

/**
 * Defines `locateEach(held, delayed, prioritized, keyOf, ids)`: the states of
 * many jobs, each as `locate` would say it, for a fraction of the time.
 */
export const locateEachLua = `
  local function locateEach(held, delayed, prioritized, keyOf, ids)
    local states, left = {}, {}
    for i = 1, #ids do left[i] = i end
    for _, place in ipairs({ { held, "held" }, { delayed, "deferred" }, { prioritized, "due" } }) do
      if #left == 0 then break end
      local wanted, missing = {}, {}
      for n, i in ipairs(left) do wanted[n] = ids[i] end
      local scores = redis.call("ZMSCORE", place[1], unpack(wanted))
      for n, i in ipairs(left) do
        if scores[n] then states[i] = place[2] else missing[#missing + 1] = i end
      end
      left = missing
    end
    for _, i in ipairs(left) do
      local key = keyOf .. ids[i]
      if redis.call("EXISTS", key .. "${lockSuffix}") == 1 then states[i] = "active"
      elseif redis.call("EXISTS", key) == 1 then states[i] = "waiting"
      else states[i] = "gone" end
    end
    return states
  end
`;
