/** Reads delivery jobs as they are kept, and says where each of them stands. */
import type { Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import { openDomains, readBody } from "./body.ts";
import { type JobOrder, orderField, readOrder } from "./job-order.ts";
import { fromRecord, type JobRecord } from "./job-record.ts";
import { createPace } from "./gentle-pace.ts";
import { deliveryJobId, deliveryJobKey } from "./keys.ts";
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
      return [id, deliveryJobKey(id)];
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
  const pace = createPace();
  for (let start = 0; start < jobs.length; start += SENDERS_STEP) {
    signal?.throwIfAborted();
    const ids = jobs.slice(start, start + SENDERS_STEP).map(({ id }) => id);
    const texts = await pace(() => guarded("read the queue", sendersScript(redis, [], ids)));
    for (const [index, text] of (texts as (string | null)[]).entries()) {
      const id = ids[index];
      if (id !== undefined && text !== null) senders.set(id, senderIn(text));
    }
  }
  return senders;
}

/** Small: Redis does nothing else meanwhile. */
const SENDERS_STEP = 600;

/** As the script gives it: the sender behind a sign, or the job where the sender has characters that JSON writes otherwise. */
const senderIn = (text: string): string =>
  text.startsWith("=") ? text.slice(1) : (JSON.parse(text) as JobRecord).from;

// A quotation mark within a JSON string has a backslash before it: what looks like the field is the field.
const sendersScript = createScript(`
  local field, senders = '"from":"', {}
  for i, id in ipairs(ARGV) do
    local data = redis.call("HGET", "${deliveryJobKey("")}" .. id, "data")
    senders[i] = data
    local at = data and string.find(data, field, 1, true)
    if at then
      local from = at + #field
      local sender = string.sub(data, from, string.find(data, '"', from, true) - 1)
      if not string.find(sender, "\\\\", 1, true) then senders[i] = "=" .. sender end
    end
  end
  return senders
`);

/** The text of a message; `undefined` when it has left. */
export async function readText(redis: Redis, message: string): Promise<Buffer | undefined> {
  return guarded("read a message", readBody(redis, message));
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
    data: fromRecord(JSON.parse(text) as JobRecord),
    ...(order === undefined ? {} : { order }),
  };
}

const readScript = createScript(`
  ${locateLua}
  local rows = {}
  for i = 1, #ARGV, 2 do
    local id, key = ARGV[i], ARGV[i + 1]
    local state, score = locate(KEYS[1], KEYS[2], KEYS[3], key, id)
    local fields = redis.call("HMGET", key, "data", "${orderField}")
    table.insert(rows, { state, score or "", fields[1] or "", fields[2] or "" })
  end
  return rows
`);
