/**
 * Puts a message into the queue: body, all jobs and the beginning of its
 * history in one step, so that there is never a job without a body, and never
 * half of the recipients.
 */
import { Job, type Queue } from "bullmq";
import type { Redis } from "ioredis";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import type { AcceptedMessage } from "../mail/envelope.ts";
import { addJobScript } from "./bullmq-scripts.ts";
import { deliveryJobs } from "./delivery-jobs.ts";
import { beginHistoryLua, beginningOfHistory } from "./history-write.ts";
import {
  bodyKey,
  dataField,
  deliveryJobId,
  deliveryJobKey,
  historyByMessageIdKey,
  historyByTimeKey,
  historyKey,
  openField,
} from "./keys.ts";
import { createScript, type ScriptArgument } from "./script.ts";
import { guarded } from "./store-error.ts";

export type DeliveryQueue = Queue<DeliveryJobData>;

/** What a job is when BullMQ's own retries step in: never, unless the store fails at the very end of an attempt. */
const asBullMqRetries = { attempts: 1_000_000_000, backoff: { type: "fixed", delay: 60_000 } };

/** What is to be written in Redis in the moment in which a message is added: a field of a hash. */
export type QueueNote = {
  key: string;
  field: string;
  value: string;
  /** Only if this key is there: a job that is gone would come back as a torso. */
  onlyIf?: string;
};

/** The new data of a delivery job. */
export function jobNote(data: DeliveryJobData): QueueNote {
  const key = deliveryJobKey(deliveryJobId(data.message, data.domain));
  return { key, field: "data", value: JSON.stringify(data), onlyIf: key };
}

/**
 * Adds a message. With `note`, that is written in the same step: of the report
 * and the note that it was sent there are both or none.
 *
 * Rejects with a `StoreError`. Then the message may be in the queue all the
 * same; adding it again under the same id adds nothing twice.
 */
export async function addMessage(
  store: { queue: DeliveryQueue; redis: Redis; keepsHistory: boolean },
  message: AcceptedMessage,
  lifetimeMs: number,
  note?: QueueNote,
): Promise<void> {
  const { queue, redis, keepsHistory } = store;
  const jobs = deliveryJobs(message, lifetimeMs).map((data) => addingOf(queue, data));
  const [first] = jobs;
  if (first === undefined) throw new Error("a message without recipients");
  const { id } = message;
  const own = [bodyKey(id), historyKey(id), historyByTimeKey, historyByMessageIdKey];
  const noted = note === undefined ? [] : [note.key, note.onlyIf ?? note.key];
  const args: ScriptArgument[] = [
    message.data,
    new Date(message.acceptedAt).toISOString(),
    ...(keepsHistory ? beginningOfHistory(message) : ["", "", "", ""]),
    note?.field ?? "",
    note?.value ?? "",
    note?.onlyIf === undefined ? 0 : 1,
    ...jobs.flatMap((job) => [job.open, ...job.args]),
  ];
  await guarded("take the message", script(redis, [...first.keys, ...own, ...noted], args));
}

// BullMQ's keys come first, as its own script wants them. A job that is there already is left as it is.
const script = createScript(`
  ${addJobScript.lua}
  ${beginHistoryLua}
  local first = ${addJobScript.keys} + 1
  local body, note, onlyIf = KEYS[first], KEYS[first + 4], KEYS[first + 5]
  redis.call("HSET", body, "${dataField}", ARGV[1])
  for i = 10, #ARGV, 4 do
    redis.call("HSET", body, ARGV[i], ARGV[2])
    addStandardJob(KEYS, { ARGV[i + 1], ARGV[i + 2], ARGV[i + 3] })
  end
  if note and (ARGV[9] == "0" or redis.call("EXISTS", onlyIf) == 1) then
    redis.call("HSET", note, ARGV[7], ARGV[8])
  end
  beginHistory(KEYS[first + 1], KEYS[first + 2], KEYS[first + 3], ARGV, 3)
`);

type Adding = { open: string; keys: string[]; args: ScriptArgument[] };

/** How BullMQ would have its script add this job. */
function addingOf(queue: DeliveryQueue, data: DeliveryJobData): Adding {
  const id = deliveryJobId(data.message, data.domain);
  const job = new Job(queue, data.domain, data, { ...asBullMqRetries, jobId: id, removeOnComplete: true }, id);
  let taken: ScriptArgument[] = [];
  const listener = {
    runCommand: (_name: string, args: ScriptArgument[]) => {
      taken = args;
      return Promise.resolve(id);
    },
  };
  // It asks its client before it returns.
  const asked: Promise<unknown> = queue.backend.addJobToTransaction(listener as never, job.asJSON(), id);
  asked.catch(() => undefined);
  if (taken.length !== addJobScript.keys + 3)
    throw new Error("BullMQ adds jobs in another way than the one known here");
  return {
    open: openField(data.domain),
    keys: taken.slice(0, addJobScript.keys).map(String),
    args: taken.slice(addJobScript.keys),
  };
}
