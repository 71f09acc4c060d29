/**
 * Puts a message into the queue: body, all jobs and the beginning of its
 * history in one step, so that there is never a job without a body, and never
 * half of the recipients.
 */
import type { Redis } from "ioredis";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import type { AcceptedMessage } from "../mail/envelope.ts";
import { addJobScript, fetchScript } from "./bullmq-scripts.ts";
import { deliveryJobs } from "./delivery-jobs.ts";
import type { Given, HandOver } from "./hand-over.ts";
import { beginHistoryLua, beginningOfHistory } from "./history-write.ts";
import {
  acceptedField,
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
import type { KeptTexts } from "./kept-texts.ts";
import { withMoreLua } from "./more-with-job.ts";
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

/** Where messages are put. `handOver`: to workers of this process; `kept`: for them. */
export type MessageStore = {
  redis: Redis;
  keepsHistory: boolean;
  handOver: HandOver | undefined;
  kept: KeptTexts | undefined;
};

/**
 * Adds a message. With `note`, that is written in the same step: of the report
 * and the note that it was sent there are both or none.
 *
 * Rejects with a `StoreError`. Then the message may be in the queue all the
 * same; adding it again under the same id adds nothing twice.
 */
export async function addMessage(
  store: MessageStore,
  message: AcceptedMessage,
  lifetimeMs: number,
  note?: QueueNote,
): Promise<void> {
  const { id } = message;
  const jobs = deliveryJobs(message, lifetimeMs);
  if (jobs.length === 0) throw new Error("a message without recipients");
  store.kept?.keep(id, message.data, jobs.length);
  try {
    await add(store, message, jobs, note);
  } catch (err) {
    store.kept?.forget(id);
    throw err;
  }
}

async function add(
  { redis, keepsHistory, handOver, kept }: MessageStore,
  message: AcceptedMessage,
  jobs: DeliveryJobData[],
  note: QueueNote | undefined,
): Promise<void> {
  const { id } = message;
  const own = [bodyKey(id), historyByTimeKey, historyByMessageIdKey];
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
  const keys = [...keysToAdd, ...own];
  const taking = note === undefined ? handOver?.ask() : undefined;
  if (taking === undefined) {
    const noted = note === undefined ? [] : [note.key, note.onlyIf ?? note.key];
    await guarded("take the message", addScript(redis, [...keys, ...noted], args));
    return;
  }
  let given: Given | undefined;
  try {
    const more = [kept?.known ?? "", taking.token, taking.lockMs];
    const reply = await guarded(
      "take the message",
      addAndTake.asBytes(redis, [...keys, ...keysToTake], [...args, ...more]),
    );
    // In a queue that is paused no job is taken.
    if (Array.isArray(reply) && Array.isArray(reply[0])) given = { reply, token: taking.token };
  } finally {
    taking.done(given);
  }
}

/** In the order in which BullMQ's script wants them. */
const keysToAdd = ["wait", "paused", "meta", "id", "completed", "delayed", "active", "events", "marker"].map(
  deliveryJobKey,
);

/** In the order in which BullMQ's script wants them. */
const keysToTake = [
  "wait",
  "active",
  "prioritized",
  "events",
  "stalled",
  "limiter",
  "delayed",
  "paused",
  "meta",
  "pc",
  "marker",
].map(deliveryJobKey);

const FIRST_OWN_KEY = addJobScript.keys + 1;

/** Fields and values of one HSET: Lua has room for some thousands. */
const MOST_AT_ONCE = 1_000;

// A job that is there already is left as it is. It is added without options: `tracked-worker.ts` has them.
const addLua = `
  ${addJobScript.lua}
  ${beginHistoryLua}
  local function addMessage(last)
    local body = KEYS[${FIRST_OWN_KEY}]
    local fields = { "${dataField}", ARGV[1] }
    local function set(field, value)
      fields[#fields + 1], fields[#fields + 2] = field, value
    end
    if ARGV[2] ~= "" then set("${restField}", ARGV[2]) end
    for i = 12, last, 3 do set("${openField("")}" .. ARGV[i], ARGV[3]) end
    if ARGV[4] ~= "" then set("${acceptedField}", ARGV[4]) end
    for i = 1, #fields, ${MOST_AT_ONCE} do
      redis.call("HSET", body, unpack(fields, i, math.min(i + ${MOST_AT_ONCE - 1}, #fields)))
    end
    local noOptions = cmsgpack.pack({})
    for i = 12, last, 3 do
      local domain, jobId, data = ARGV[i], ARGV[i + 1], ARGV[i + 2]
      addStandardJob(KEYS, { cmsgpack.pack({ "${deliveryJobKey("")}", jobId, domain, ARGV[11] }), data, noOptions })
    end
    beginHistory(KEYS[${FIRST_OWN_KEY + 1}], KEYS[${FIRST_OWN_KEY + 2}], ARGV, 4)
  end
`;

const addScript = createScript(`
  ${addLua}
  addMessage(#ARGV)
  local note, onlyIf = KEYS[${FIRST_OWN_KEY + 3}], KEYS[${FIRST_OWN_KEY + 4}]
  if note and (ARGV[10] == "0" or redis.call("EXISTS", onlyIf) == 1) then
    redis.call("HSET", note, ARGV[8], ARGV[9])
  end
`);

// The last three arguments: whose texts are known, the token of the lock, and how long that lasts.
const addAndTake = createScript(`
  ${addLua}
  ${fetchScript.lua}
  ${withMoreLua}
  local ours = #ARGV - 2
  addMessage(ours - 1)
  local options = cmsgpack.pack({ token = ARGV[ours + 1], lockDuration = tonumber(ARGV[ours + 2]) })
  local reply = moveToActive({ unpack(KEYS, ${FIRST_OWN_KEY + 3}) }, { "${deliveryJobKey("")}", ARGV[11], options })
  return withMore(reply, ARGV[ours])
`);
