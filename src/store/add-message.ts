/**
 * Puts a message into the queue: body, all jobs and the beginning of its
 * history in one step, so that there is never a job without a body, and never
 * half of the recipients.
 */
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
  openField,
  restField,
} from "./keys.ts";
import { toRecord } from "./job-record.ts";
import { createScript, type ScriptArgument } from "./script.ts";
import { guarded } from "./store-error.ts";
import { splitText } from "./text-pieces.ts";

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
  return { key, field: "data", value: JSON.stringify(toRecord(data)), onlyIf: key };
}

/**
 * Adds a message. With `note`, that is written in the same step: of the report
 * and the note that it was sent there are both or none.
 *
 * Rejects with a `StoreError`. Then the message may be in the queue all the
 * same; adding it again under the same id adds nothing twice.
 */
export async function addMessage(
  store: { redis: Redis; keepsHistory: boolean },
  message: AcceptedMessage,
  lifetimeMs: number,
  note?: QueueNote,
): Promise<void> {
  const { redis, keepsHistory } = store;
  const jobs = deliveryJobs(message, lifetimeMs);
  if (jobs.length === 0) throw new Error("a message without recipients");
  const { id } = message;
  const own = [bodyKey(id), historyByTimeKey, historyByMessageIdKey];
  const noted = note === undefined ? [] : [note.key, note.onlyIf ?? note.key];
  const [text = message.data, rest = ""] = splitText(message.data);
  const args: ScriptArgument[] = [
    text,
    rest,
    new Date(message.acceptedAt).toISOString(),
    ...(keepsHistory ? beginningOfHistory(message) : ["", "", "", ""]),
    note?.field ?? "",
    note?.value ?? "",
    note?.onlyIf === undefined ? 0 : 1,
    Date.now(),
    ...jobs.flatMap((job) => [job.domain, deliveryJobId(id, job.domain), JSON.stringify(toRecord(job))]),
  ];
  await guarded("take the message", script(redis, [...bullMqKeys, ...own, ...noted], args));
}

/** In the order in which BullMQ's script wants them. */
const bullMqKeys = ["wait", "paused", "meta", "id", "completed", "delayed", "active", "events", "marker"].map(
  deliveryJobKey,
);

// A job that is there already is left as it is. It is added without options: `delivery-backend.ts` has them.
const script = createScript(`
  ${addJobScript.lua}
  ${beginHistoryLua}
  local first = ${addJobScript.keys} + 1
  local body, note, onlyIf = KEYS[first], KEYS[first + 3], KEYS[first + 4]
  redis.call("HSET", body, "${dataField}", ARGV[1])
  if ARGV[2] ~= "" then redis.call("HSET", body, "${restField}", ARGV[2]) end
  local noOptions = cmsgpack.pack({})
  for i = 12, #ARGV, 3 do
    local domain, jobId, data = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    redis.call("HSET", body, "${openField("")}" .. domain, ARGV[3])
    addStandardJob(KEYS, { cmsgpack.pack({ "${deliveryJobKey("")}", jobId, domain, ARGV[11] }), data, noOptions })
  end
  if note and (ARGV[10] == "0" or redis.call("EXISTS", onlyIf) == 1) then
    redis.call("HSET", note, ARGV[8], ARGV[9])
  end
  beginHistory(body, KEYS[first + 1], KEYS[first + 2], ARGV, 4)
`);
