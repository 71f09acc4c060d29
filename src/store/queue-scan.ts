/**
 * Goes through the whole queue in steps, each short enough for Redis to deliver
 * mail in between.
 */
import type { Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import { heldKey, partsOfJobId } from "./keys.ts";
import { activeKey, delayedKey, dueAtOfScore, type JobState, prioritizedKey, waitKey } from "./queue-layout.ts";
import { guarded } from "./store-error.ts";

export type JobRef = {
  id: string;
  message: string;
  domain: Domain;
  state: JobState;
  /** Epoch milliseconds: of the next attempt where it is deferred, since when where it is held. */
  at?: number;
};

const STEP = 2_000;

/**
 * Every job that stays where it is all the while comes at least once. One that
 * moves may come twice, or not at all: what follows from it looks again.
 * Rejects with a `StoreError` while Redis is away, with the signal's reason when aborted.
 */
export async function* scanQueue(redis: Redis, signal?: AbortSignal): AsyncGenerator<JobRef[]> {
  // In the way that jobs take, so that few that move on are missed.
  yield* scanSet(redis, heldKey, "held", signal);
  yield* scanSet(redis, delayedKey, "deferred", signal);
  yield* scanList(redis, waitKey, "waiting", signal);
  yield* scanSet(redis, prioritizedKey, "due", signal);
  yield* scanList(redis, activeKey, "active", signal);
}

/** How many jobs there are, or nearly so. */
export async function queueLength(redis: Redis): Promise<number> {
  const counts = redis.pipeline().zcard(heldKey).zcard(delayedKey).llen(waitKey).zcard(prioritizedKey).llen(activeKey);
  const replies = (await guarded("count the queue", counts.exec())) ?? [];
  return replies.reduce((sum, [, count]) => sum + Number(count ?? 0), 0);
}

async function* scanSet(redis: Redis, key: string, state: JobState, signal?: AbortSignal): AsyncGenerator<JobRef[]> {
  let cursor = "0";
  do {
    signal?.throwIfAborted();
    const [next, flat] = await guarded("go through the queue", redis.zscan(key, cursor, "COUNT", STEP));
    const jobs: JobRef[] = [];
    for (let i = 0; i + 1 < flat.length; i += 2) jobs.push(refOf(flat[i] ?? "", state, Number(flat[i + 1])));
    if (jobs.length > 0) yield jobs;
    cursor = next;
  } while (cursor !== "0");
}

/** From the left, where new jobs come in: what is pushed meanwhile makes some come twice, and what leaves at the right is missed by nobody. */
async function* scanList(redis: Redis, key: string, state: JobState, signal?: AbortSignal): AsyncGenerator<JobRef[]> {
  for (let start = 0; ; start += STEP) {
    signal?.throwIfAborted();
    const ids = await guarded("go through the queue", redis.lrange(key, start, start + STEP - 1));
    if (ids.length === 0) return;
    yield ids.map((id) => refOf(id, state));
  }
}

function refOf(id: string, state: JobState, score?: number): JobRef {
  const ref = { id, ...partsOfJobId(id), state };
  if (score === undefined) return ref;
  if (state === "deferred") return { ...ref, at: dueAtOfScore(score) };
  return state === "held" ? { ...ref, at: score } : ref;
}
