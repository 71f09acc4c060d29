/** Reads delivery jobs as they are kept, and says where each of them stands. */
import type { Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import { openDomains } from "./body.ts";
import { type JobOrder, readOrder } from "./job-order.ts";
import { bodyKey, dataField, deliveryJobId, deliveryJobKey, orderField } from "./keys.ts";
import { dueAtOfScore, type JobState, locateKeys, locateLua } from "./queue-layout.ts";
import type { JobRef } from "./queue-scan.ts";
import { createScript } from "./script.ts";
import { guarded } from "./store-error.ts";

export type QueuedJob = JobRef & {
  data: DeliveryJobData;
  /** What an operator wants done with it, and is not done yet. */
  order?: JobOrder;
};

/** Those that are still there, in the order in which they were asked for. Rejects with a `StoreError` while Redis is away. */
export async function readJobs(redis: Redis, wanted: { message: string; domain: Domain }[]): Promise<QueuedJob[]> {
  const jobs: QueuedJob[] = [];
  for (let start = 0; start < wanted.length; start += STEP) {
    const slice = wanted.slice(start, start + STEP);
    const args = slice.flatMap(({ message, domain }) => {
      const id = deliveryJobId(message, domain);
      return [id, deliveryJobKey(id), bodyKey(message), orderField(domain)];
    });
    const rows = await guarded("read the queue", readScript(redis, locateKeys, args));
    for (const [index, row] of (rows as (string | null)[][]).entries()) {
      const job = slice[index] && jobOf(slice[index], row);
      if (job !== undefined) jobs.push(job);
    }
  }
  return jobs;
}

const STEP = 100;

/** The jobs of one message; none when it has left. */
export async function readJobsOf(redis: Redis, message: string): Promise<QueuedJob[]> {
  const open = await guarded("look at a message", openDomains(redis, message));
  return readJobs(
    redis,
    open.map(({ domain }) => ({ message, domain })),
  );
}

/** The envelope senders of jobs, by job id; a job that has left is not among them. */
export async function readSenders(
  redis: Redis,
  jobs: { id: string }[],
  signal?: AbortSignal,
): Promise<Map<string, string>> {
  const senders = new Map<string, string>();
  for (let start = 0; start < jobs.length; start += SENDERS_STEP) {
    signal?.throwIfAborted();
    const slice = jobs.slice(start, start + SENDERS_STEP);
    const pipeline = redis.pipeline();
    for (const { id } of slice) pipeline.hget(deliveryJobKey(id), "data");
    const replies = (await guarded("read the queue", pipeline.exec())) ?? [];
    for (const [index, [, text]] of replies.entries()) {
      const id = slice[index]?.id;
      if (id !== undefined && typeof text === "string") senders.set(id, (JSON.parse(text) as DeliveryJobData).from);
    }
  }
  return senders;
}

const SENDERS_STEP = 500;

/** The text of a message; `undefined` when it has left. */
export async function readText(redis: Redis, message: string): Promise<Buffer | undefined> {
  return (await guarded("read a message", redis.hgetBuffer(bodyKey(message), dataField))) ?? undefined;
}

function jobOf(ref: { message: string; domain: Domain }, row: (string | null)[]): QueuedJob | undefined {
  const [state, score, text, orderText] = row;
  if (state === "gone" || !text) return undefined;
  const order = orderText ? readOrder(orderText) : undefined;
  const at = score ? Number(score) : undefined;
  return {
    id: deliveryJobId(ref.message, ref.domain),
    message: ref.message,
    domain: ref.domain,
    state: state as JobState,
    ...(at === undefined ? {} : { at: state === "deferred" ? dueAtOfScore(at) : at }),
    data: JSON.parse(text) as DeliveryJobData,
    ...(order === undefined ? {} : { order }),
  };
}

const readScript = createScript(`
  ${locateLua}
  local rows = {}
  for i = 1, #ARGV, 4 do
    local id, key, body, field = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    local state, score = locate(KEYS[1], KEYS[2], KEYS[3], key, id)
    table.insert(rows, { state, score or "", redis.call("HGET", key, "data") or "", redis.call("HGET", body, field) or "" })
  end
  return rows
`);
