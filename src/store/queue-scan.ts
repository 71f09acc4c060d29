/**
 * Goes through the whole queue in steps, each short enough for Redis to deliver
 * mail in between.
 */
import type { Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import { createPace, type Pace } from "./gentle-pace.ts";
import { deliveryJobId, heldKey, partsOfJobId } from "./keys.ts";
import { activeKey, delayedKey, dueAtOfScore, type JobState, prioritizedKey, waitKey } from "./queue-layout.ts";
import { createScript } from "./script.ts";
import { guarded } from "./store-error.ts";

export type JobRef = {
  id: string;
  message: string;
  domain: Domain;
  state: JobState;
  /** Epoch milliseconds: of the next attempt where it is deferred, since when where it is held. Only if asked for. */
  at?: number;
};

/** Small: Redis does nothing else meanwhile. */
const STEP = 1_000;

export type ScanOptions = {
  /** Only jobs to this domain. */
  to?: Domain | undefined;
  /** Whether `at` is wanted; it is the half of what a scan costs Redis. */
  withTimes?: boolean;
  signal?: AbortSignal | undefined;
};

/** One step: so many jobs were looked at, and these are of them. */
export type ScanStep = { seen: number; jobs: JobRef[] };

/**
 * Every job that stays where it is all the while comes at least once. One that
 * moves may come twice, or not at all: what follows from it looks again.
 * Rejects with a `StoreError` while Redis is away, with the signal's reason when aborted.
 */
export async function* scanQueue(redis: Redis, options: ScanOptions = {}): AsyncGenerator<ScanStep> {
  const scan = { redis, options, pace: createPace() };
  // In the way that jobs take, so that few that move on are missed.
  yield* scanSet(scan, heldKey, "held");
  yield* scanSet(scan, delayedKey, "deferred");
  yield* scanList(scan, waitKey, "waiting");
  yield* scanSet(scan, prioritizedKey, "due");
  yield* scanList(scan, activeKey, "active");
}

type Scan = { redis: Redis; options: ScanOptions; pace: Pace };

/** How many jobs there are, or nearly so. */
export async function queueLength(redis: Redis): Promise<number> {
  const counts = redis.pipeline().zcard(heldKey).zcard(delayedKey).llen(waitKey).zcard(prioritizedKey).llen(activeKey);
  const replies = (await guarded("count the queue", counts.exec())) ?? [];
  return replies.reduce((sum, [, count]) => sum + Number(count ?? 0), 0);
}

/**
 * From the highest score down, each step from where the one before has ended: what
 * leaves or comes in meanwhile moves none of the others out of the way.
 */
async function* scanSet({ redis, options, pace }: Scan, key: string, state: JobState): AsyncGenerator<ScanStep> {
  const { to, withTimes = false, signal } = options;
  // Picked out by Redis: what does not go over the wire costs neither side anything.
  const ending = to === undefined ? "" : deliveryJobId("", to);
  let from = "+inf";
  for (let count = STEP; ;) {
    signal?.throwIfAborted();
    const args = [from, count, ending, withTimes ? 1 : 0];
    const reply = await pace(() => guarded("go through the queue", rangeScript(redis, [key], args)));
    const [seen, last, flat] = reply as [number, string, string[]];
    if (seen === 0) return;
    const jobs: JobRef[] = [];
    if (withTimes)
      for (let i = 0; i + 1 < flat.length; i += 2) jobs.push(refOf(flat[i] ?? "", state, Number(flat[i + 1])));
    else for (const id of flat) jobs.push(refOf(id, state));
    yield { seen, jobs };
    if (seen < count) return;
    // More of them have one score than were asked for: else there were no way past them.
    count = last === from ? 2 * count : STEP;
    from = last;
  }
}

// The last score comes with those of that score once more: some of them may be left.
const rangeScript = createScript(`
  local from, count, ending, withTimes = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == "1"
  local range = { KEYS[1], from, "-inf", "BYSCORE", "REV", "LIMIT", 0, count }
  if withTimes then range[#range + 1] = "WITHSCORES" end
  local found = redis.call("ZRANGE", unpack(range))
  local width = withTimes and 2 or 1
  local seen = #found / width
  if seen == 0 then return { 0, "", {} } end
  local last = withTimes and found[#found] or redis.call("ZSCORE", KEYS[1], found[#found])
  if ending == "" then return { seen, last, found } end
  local wanted = {}
  for i = 1, #found, width do
    if string.sub(found[i], -#ending) == ending then
      for n = i, i + width - 1 do wanted[#wanted + 1] = found[n] end
    end
  end
  return { seen, last, wanted }
`);

/** From the left, where new jobs come in: what is pushed meanwhile makes some come twice, and what leaves at the right is missed by nobody. */
async function* scanList({ redis, options, pace }: Scan, key: string, state: JobState): AsyncGenerator<ScanStep> {
  const { to, signal } = options;
  for (let start = 0; ; start += STEP) {
    signal?.throwIfAborted();
    const ids = await pace(() => guarded("go through the queue", redis.lrange(key, start, start + STEP - 1)));
    if (ids.length === 0) return;
    const jobs = ids.map((id) => refOf(id, state));
    yield { seen: ids.length, jobs: to === undefined ? jobs : jobs.filter(({ domain }) => domain === to) };
  }
}

function refOf(id: string, state: JobState, score?: number): JobRef {
  const ref = { id, ...partsOfJobId(id), state };
  if (score === undefined) return ref;
  if (state === "deferred") return { ...ref, at: dueAtOfScore(score) };
  return state === "held" ? { ...ref, at: score } : ref;
}
