/**
 * BullMQ's backend as delivery workers use it, with more in two of its steps, and
 * a wait that also ends when a job is handed over: see `hand-over.ts`.
 *
 * The step that ends a job ends what the relay keeps beside it: the text, if no
 * other job needs it, and the attempt in the message's history. So nothing is
 * left over when somebody is killed between two steps, and it costs no trip to
 * Redis of its own.
 *
 * The step that fetches a job brings the text of a new message along, if this
 * process has not kept it. The texts of large ones, and of mail that was tried
 * before (whose destination may be closed), are read when they are needed. It also says when there is no other
 * job: BullMQ's own step leaves a marker in any case, so that each message that
 * comes alone would have two fetches follow it that find nothing.
 */
import { type BackendFactory, createRedisBackend, type RedisQueueBackend } from "bullmq";
import type { Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import type { HistoryEntry } from "../mail/history.ts";
import { closeLua } from "./body.ts";
import { fetchScript, finishScript } from "./bullmq-scripts.ts";
import { appendLua, historyArguments, historyKeys, unfoldLua } from "./history-write.ts";
import type { HandOver } from "./hand-over.ts";
import { bodyKey, openField } from "./keys.ts";
import { withMoreLua } from "./more-with-job.ts";
import { createScript, type ScriptArgument } from "./script.ts";
import { joinText } from "./text-pieces.ts";

/** What ends with a job. */
export type JobEnd = {
  message: string;
  domain: Domain;
  now: number;
  entries: HistoryEntry[];
};

export type DeliveryBackendParts = {
  redis: Redis;
  /** What ends with this job. */
  endOf: (jobId: string) => JobEnd;
  /** The text that came along with a job. Not called when none did. */
  onText: (jobId: string, text: Buffer) => void;
  /** No other job waits behind this one. */
  onLast: (jobId: string) => void;
  /** What messages bring along that are put into the queue by this process. */
  handOver: HandOver;
  /** The mark of messages whose texts are here. */
  known: () => string;
  /** A job was handed over, with a lock of its own. */
  onHandedOver: (jobId: string, token: string) => void;
};

export function deliveryBackend(parts: DeliveryBackendParts): BackendFactory<RedisQueueBackend> {
  return (...how) => {
    const backend = createRedisBackend(...how);
    // Every script of BullMQ's goes through here.
    const asBefore = backend.execCommand.bind(backend);
    const waitForMarker = backend.waitForJob.bind(backend);
    backend.waitForJob = (timeoutSeconds) => parts.handOver.wait(timeoutSeconds, waitForMarker);
    backend.execCommand = (client, name: string, args: ScriptArgument[]) => {
      if (name === "moveToActive") return fetch(parts, args);
      if (name === "moveToFinished" && isCompletion(args)) return finish(parts, args);
      return asBefore(client, name, args);
    };
    return backend;
  };
}

const JOB_ID = finishScript.keys;
const TARGET = finishScript.keys + 4;

const isCompletion = (args: ScriptArgument[]) => args[TARGET] === "completed";

async function fetch(parts: DeliveryBackendParts, args: ScriptArgument[]): Promise<unknown> {
  const given = parts.handOver.receive();
  if (given !== undefined) {
    const id = String(given.reply[1]);
    parts.onHandedOver(id, given.token);
    return asBullMqKnowsIt(parts, given.reply);
  }
  const bullMqs = args.slice(fetchScript.keys, fetchScript.keys + FETCH_ARGUMENTS);
  const reply = await fetchLua.asBytes(parts.redis, keysOf(args, fetchScript.keys), [...bullMqs, parts.known()]);
  return asBullMqKnowsIt(parts, reply);
}

async function finish(parts: DeliveryBackendParts, args: ScriptArgument[]): Promise<unknown> {
  const { message, domain, now, entries } = parts.endOf(String(args[JOB_ID]));
  const keys = [...keysOf(args, finishScript.keys), bodyKey(message), ...historyKeys(message)];
  const own = [parts.known(), openField(domain), ...historyArguments(message, now, entries)];
  // BullMQ leaves its ninth argument out when it has none.
  const bullMqs = args.slice(finishScript.keys, finishScript.keys + FINISH_ARGUMENTS).map((arg) => arg ?? "");
  return asBullMqKnowsIt(parts, await finishLua.asBytes(parts.redis, keys, [...bullMqs, ...own]));
}

const keysOf = (args: ScriptArgument[], count: number) => args.slice(0, count).map(String);

/** What came with the reply beside has been handed on. */
function asBullMqKnowsIt({ onText, onLast }: DeliveryBackendParts, reply: unknown): unknown {
  if (!Array.isArray(reply)) return reply;
  const [job, id, ...rest] = reply as unknown[];
  const [limit, until, first, second, last] = rest;
  const text = joinText(bytes(first), bytes(second));
  if (text !== undefined) onText(words(id) as string, text);
  if (last === 1) onLast(words(id) as string);
  return [Array.isArray(job) ? job.map(words) : job, words(id), words(limit), words(until)];
}

const bytes = (value: unknown) => (value instanceof Buffer ? value : undefined);
const words = (value: unknown) => (value instanceof Buffer ? value.toString() : value);

/** Of BullMQ's script that fetches a job. Ours follow. */
const FETCH_ARGUMENTS = 3;

/** Of BullMQ's script that ends a job. Ours follow. */
const FINISH_ARGUMENTS = 9;

const fetchLua = createScript(`
  ${fetchScript.lua}
  ${withMoreLua}
  return withMore(moveToActive(KEYS, ARGV), ARGV[${FETCH_ARGUMENTS + 1}])
`);

// A number below zero: it was not this worker's job to end, or has been ended before.
const finishLua = createScript(`
  ${finishScript.lua}
  ${unfoldLua}
  ${closeLua}
  ${appendLua}
  ${withMoreLua}
  local reply = moveToFinished(KEYS, ARGV)
  if type(reply) == "number" and reply < 0 then return reply end
  local _, isGone = closeBody(KEYS[${finishScript.keys + 1}], ARGV[${FINISH_ARGUMENTS + 2}])
  appendHistory(KEYS[${finishScript.keys + 2}], KEYS[${finishScript.keys + 3}], ARGV, ${FINISH_ARGUMENTS + 3}, isGone)
  return withMore(reply, ARGV[${FINISH_ARGUMENTS + 1}])
`);
