/**
 * Puts a message into the queue: body and all jobs in one transaction, so that
 * there is never a job without a body, and never half of the recipients.
 */
import { type IRedisTransaction, Job, type Queue } from "bullmq";
import type { ChainableCommander, Redis } from "ioredis";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import type { AcceptedMessage } from "../mail/envelope.ts";
import { bodyFields } from "./body.ts";
import { deliveryJobs } from "./delivery-jobs.ts";
import { beginHistory } from "./history-write.ts";
import { bodyKey, deliveryJobId, deliveryJobKey } from "./keys.ts";
import { guarded, StoreError } from "./store-error.ts";

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
 * Adds a message. With `alongside`, a note is written in the same transaction:
 * of the report and the note that it was sent there are both or none.
 *
 * Rejects with a `StoreError`. Then the message may be in the queue all the
 * same; adding it again under the same id adds nothing twice.
 */
export async function addMessage(
  store: { queue: DeliveryQueue; redis: Redis; keepsHistory: boolean },
  message: AcceptedMessage,
  lifetimeMs: number,
  alongside?: QueueNote,
): Promise<void> {
  const { queue, redis, keepsHistory } = store;
  const data = deliveryJobs(message, lifetimeMs);
  const jobs = data.map((each) => newJob(queue, each));
  const domains = data.map((each) => each.domain);
  const client = await guarded("be reached", queue.backend.client);

  const multi = client.multi() as IRedisTransaction & ChainableCommander;
  multi.hset(bodyKey(message.id), bodyFields(message.data, domains, message.acceptedAt));
  // Each of these puts its command into the transaction before it returns. What
  // it promises is only "QUEUED"; the true reply is among those of `exec`.
  for (const { json, id } of jobs) queue.backend.addJobToTransaction(multi, json, id).catch(noop);
  if (alongside !== undefined) multi.eval(...noteIfAdded(alongside, jobs));
  const needed = 1 + jobs.length + (alongside === undefined ? 0 : 1);
  if (keepsHistory) beginHistory(multi, message);

  const replies = await guarded("take the message", multi.exec());
  if (replies === null) throw new StoreError("unavailable", "Redis did not carry out the transaction");
  // The history is beyond these: what is wrong with it does not concern the mail.
  const failure = replies
    .slice(0, needed)
    .map(([err]) => err)
    .find((err) => err !== null);
  if (failure === undefined) return;
  if (!failure.message.startsWith("NOSCRIPT")) await guarded("take the message", Promise.reject(failure));

  // Redis forgot its scripts (a restart of a managed Redis, SCRIPT FLUSH). A
  // transaction is not rolled back: the body is there and the jobs are not. One
  // by one they are added with the whole script, which loads it again. They are
  // there then, or were, and are done already.
  for (const { json, id } of jobs) await guarded("take the message", queue.backend.addJob(json, id));
  if (alongside !== undefined) await guarded("take the message", redis.eval(...noteIfAdded(alongside, [])));
}

type NewJob = { id: string; json: ReturnType<Job["asJSON"]> };

function newJob(queue: DeliveryQueue, data: DeliveryJobData): NewJob {
  const id = deliveryJobId(data.message, data.domain);
  const job = new Job(queue, data.domain, data, { ...asBullMqRetries, jobId: id, removeOnComplete: true }, id);
  return { id, json: job.asJSON() };
}

/** Not before the jobs are there: see NOSCRIPT above. */
function noteIfAdded(note: QueueNote, added: NewJob[]): [string, number, ...string[]] {
  const needed = added.map(({ id }) => deliveryJobKey(id));
  const keys = [note.key, ...needed, ...(note.onlyIf === undefined ? [] : [note.onlyIf])];
  return [noteScript, keys.length, ...keys, note.field, note.value];
}

const noteScript = `
  for i = 2, #KEYS do
    if redis.call("EXISTS", KEYS[i]) == 0 then return 0 end
  end
  redis.call("HSET", KEYS[1], ARGV[1], ARGV[2])
  return 1
`;

function noop(): void {}
