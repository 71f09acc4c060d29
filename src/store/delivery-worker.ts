/**
 * Takes delivery jobs one after the other and hands each to `deliver`. Whatever
 * happens to a job, it is delivered, put off, or given back: BullMQ never gets
 * to call one failed.
 */
import { DelayedError, ErrorCode, type Job, WaitingError, type Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import type { AcceptedMessage } from "../mail/envelope.ts";
import type { HistoryEntry } from "../mail/history.ts";
import { PassingMap, PassingSet } from "../memory/passing.ts";
import { afterPutOff } from "./after-put-off.ts";
import { readBody } from "./body.ts";
import { closeWorker, isLoss } from "./close-worker.ts";
import type { StoreConnection } from "./connection.ts";
import { deliveryBackend } from "./delivery-backend.ts";
import { type JobOrder, operatorEntry, orderOf } from "./job-order.ts";
import { fromRecord, type JobRecord, toRecord } from "./job-record.ts";
import { HandOver } from "./hand-over.ts";
import { deliveryQueue, keyPrefix, partsOfJobId } from "./keys.ts";
import type { KeptTexts } from "./kept-texts.ts";
import type { MailQueue } from "./mail-queue.ts";
import { park } from "./parking.ts";
import { activeKey, markerKey } from "./queue-layout.ts";
import { TrackedWorker } from "./tracked-worker.ts";
import { untilTaken } from "./until-taken.ts";
import { startPresence } from "./worker-presence.ts";

/** One delivery job in the hands of `deliver`. While Redis is away its methods wait, but for `addBounce`. */
export type DeliveryHandle = {
  data: DeliveryJobData;
  /** `undefined`: it is gone from Redis. */
  readBody(): Promise<Buffer | undefined>;
  /** Writes progress down at once, so that a job that is run twice does not send twice. */
  save(data: DeliveryJobData): Promise<void>;
  /** Should `deliver` throw, this is written down with the time of the next attempt: that a full Redis takes as well. */
  remember(data: DeliveryJobData): void;
  /**
   * Puts a bounce into the queue and writes `data` down, both or none. The id
   * of the bounce must follow from job and recipients: then a second try adds
   * nothing twice. Rejects with a `StoreError` at once while Redis is away.
   */
  addBounce(bounce: AcceptedMessage, lifetimeMs: number, data: DeliveryJobData): Promise<void>;
  /** An operator has given this message up: the recipients that wait fail, and the sender is told. */
  giveUp?: { by: string; reason?: string };
  /** Goes into the message's history, in one step with the end of this attempt. */
  note(entry: HistoryEntry): void;
};

export type DeliverResult =
  | { kind: "finished" }
  /** To be tried again at `at`, in epoch milliseconds. What is to be kept has been saved, or comes along as `data`. */
  | { kind: "again"; at: number; data?: DeliveryJobData };

/** Whether a job is begun now. Asked before its text is read. */
export type JobTurn =
  | { kind: "go"; leave(): void }
  | { kind: "again"; at: number; data?: DeliveryJobData }
  /**
   * Put off until `until`; with `waitsFor` it is also made due by `wakeParked`. `parked` is called
   * when that is written down. New mail stays new, unless it is put `behind`.
   */
  | { kind: "parked"; until: number; waitsFor?: string; behind?: true; parked(): void };

/** What a job has behind it when it asks for its turn. */
export type JobPast = {
  /** Neither tried before, nor put behind new mail. */
  isNew: boolean;
  /** It has been begun before, and was put off or given back. */
  wasBegun: boolean;
};

export type Deliver = (job: DeliveryHandle, signal: AbortSignal) => Promise<DeliverResult>;

export type DeliveryWorkerParts = {
  connection: StoreConnection;
  queue: MailQueue;
  /** The queue's, where mail is taken by the same process. */
  handOver?: HandOver;
  /** The queue's, where mail is taken by the same process. */
  kept?: KeptTexts;
  /** How many jobs at a time. */
  concurrency: number;
  /** Aborted by `signal` it should return or throw soon; the job is then given back. */
  deliver: Deliver;
  /** Default: every job is begun at once. */
  turn?: (data: DeliveryJobData, signal: AbortSignal, past: JobPast) => Promise<JobTurn>;
  /** A bug, or a fault of Redis; the job in question is tried again. */
  onFault: (where: string, err: unknown) => void;
  /** An operator's order was carried out, or handed to `deliver`. */
  onOrder?: (job: DeliveryJobData, order: JobOrder) => void;
  now?: () => number;
  /** Jobs went back to the queue: their worker had died, or never heard of them. */
  onFreed?: (jobs: number) => void;
  /**
   * After how long a worker that is not heard of is held for dead, and its jobs are
   * taken by others. Default: 60,000. One whose process has ended on this machine
   * is not waited for.
   */
  silenceMs?: number;
  /** How long a job is put off after `deliver` threw. Default: 15,000. */
  pauseAfterFaultMs?: number;
  /** How long `deliver` may take to return when aborted, and Redis then to take the jobs back. Default: 3,000 each. */
  giveBackMs?: number;
};

export type DeliveryWorker = {
  /**
   * Takes no more jobs, waits `graceMs` for those that run, then aborts them.
   * In the end all are done or given back; with Redis away they are left, and
   * taken by another worker: see `worker-presence.ts`.
   */
  close(graceMs: number): Promise<void>;
  /** Looks now for workers whose process has ended on this machine, and gives their jobs back. */
  takeOver(): Promise<void>;
};

type JobBook = {
  /** For the message's history. */
  entries: HistoryEntry[];
  /** The order that was found when it was begun. */
  seen?: JobOrder;
  /** The message, where it came along with the job. */
  text?: Buffer;
};

/** So long that only `worker-presence.ts` decides whose a job is. */
const LOCK_MS = 10 * 60_000;

/** New mail has none and goes first. */
const priorityOfRetries = 1;

export function startDeliveryWorker(parts: DeliveryWorkerParts): DeliveryWorker {
  const { connection, concurrency, onFault, silenceMs = 60_000, giveBackMs = 3_000, now = Date.now } = parts;
  const { handOver = new HandOver(), kept } = parts;
  const patient = connection.openPatient();
  const running = new PassingSet<AbortController>();
  /** What is known of each job in hand beside its data. */
  const books = new PassingMap<string, JobBook>();
  const bookOf = (id: string) => books.get(id) ?? { entries: [] };
  let stopped = false;

  const worker = new TrackedWorker<DeliveryJobData>(
    deliveryQueue,
    async (job, token = "") => {
      const abort = new AbortController();
      running.add(abort);
      try {
        job.data = fromRecord(job.data);
        await runJob(job, abort.signal, token);
      } finally {
        running.delete(abort);
      }
    },
    {
      connection: patient.redis,
      prefix: keyPrefix,
      // Not `skipVersionCheck`: to a Redis of unknown version BullMQ waits in whole seconds.
      concurrency,
      lockDuration: LOCK_MS,
      // BullMQ fails a job whose worker died twice. It was not the mail's fault.
      maxStalledCount: 1_000_000_000,
      runRetryDelay: 1_000,
      // Not before others can know that this worker is there.
      autorun: false,
    },
    deliveryBackend({
      redis: patient.redis,
      endOf: (id) => ({ ...partsOfJobId(id), now: now(), entries: bookOf(id).entries }),
      onText: (id, text) => void books.set(id, { entries: [], text }),
      onLast: (id) => void (worker.lastOfAll = id),
      handOver,
      known: () => kept?.known ?? "",
      onHandedOver: (id, token) => void worker.handedOver.set(id, token),
    }),
  );
  worker.on("error", (err) => {
    if (!isLoss(err) && !isDoneAlready(err)) onFault("delivery queue", err);
  });
  const presence = startPresence({
    redis: patient.redis,
    id: worker.id,
    inHand: worker.inHand,
    moveFreed: () => worker.backend.moveStalledJobsToWait(),
    silenceMs,
    onFault: (err) => {
      if (!(err instanceof Error && isLoss(err))) onFault("worker presence", err);
    },
    onFreed: (jobs) => parts.onFreed?.(jobs),
  });
  handOver.join({
    owner: worker.id,
    lockMs: LOCK_MS,
    isFull: () => worker.inHand.size >= concurrency,
    // Should it fail, who waits looks by himself after a while.
    putBack: ({ member, score }) => afterwards("delivery queue", patient.redis.zadd(markerKey, score, member)),
  });
  void presence.begun.then(() => worker.run());

  worker.onLeft = (job) => void books.delete(job.id ?? "");
  const closing = new Set<Promise<void>>();
  const afterwards = (where: string, work: Promise<unknown>) => {
    const done: Promise<void> = work
      .then(() => undefined)
      .catch((err: Error) => {
        if (!isLoss(err)) onFault(where, err);
      })
      .finally(() => closing.delete(done));
    closing.add(done);
  };

  const runJob = async (job: Job<DeliveryJobData>, signal: AbortSignal, token: string) => {
    const result = await outcomeOf(job, signal);
    if (result.kind === "finished" || result.kind === "again") kept?.done(partsOfJobId(job.id ?? "").message);
    switch (result.kind) {
      case "finished":
        return;
      case "again":
        await putOff(worker, patient.redis, job, token, result.at - now(), {
          priority: priorityOfRetries,
          data: result.data,
        });
        afterwards("delivery queue", afterPutOff(patient.redis, job.data, now(), bookOf(job.id ?? "")));
        throw new DelayedError();
      case "parked":
        await putOff(
          worker,
          patient.redis,
          job,
          token,
          result.until - now(),
          result.behind === true ? { priority: priorityOfRetries } : {},
        );
        if (result.waitsFor !== undefined) await park(patient.redis, result.waitsFor, job.id ?? "");
        result.parked();
        throw new DelayedError();
      case "given-back":
        await job.moveToWait(token);
        throw new WaitingError();
    }
  };

  const outcomeOf = async (
    job: Job<DeliveryJobData>,
    signal: AbortSignal,
  ): Promise<DeliverResult | Exclude<JobTurn, { kind: "go" }> | { kind: "given-back" }> => {
    // Fetched in the very moment of the abort.
    if (stopped) return { kind: "given-back" };
    // What an operator ordered needs no turn at its destination: nothing is sent there.
    const order = orderOf(job);
    const turn = order === undefined ? await parts.turn?.(job.data, signal, pastOf(job)) : undefined;
    if (turn !== undefined && turn.kind !== "go") return turn;
    const late = lateness(signal, giveBackMs);
    try {
      return await Promise.race([deliverOrObey(job, order, signal), late.passed]);
    } catch (err) {
      if (signal.aborted) return { kind: "given-back" };
      onFault("delivery", err);
      return { kind: "again", at: now() + (parts.pauseAfterFaultMs ?? 15_000), data: job.data };
    } finally {
      late.forget();
      turn?.leave();
    }
  };

  const deliverOrObey = async (
    job: Job<DeliveryJobData>,
    order: JobOrder | undefined,
    signal: AbortSignal,
  ): Promise<DeliverResult> => {
    const { data } = job;
    const id = job.id ?? "";
    // Looked for also where it came along: what is kept again need not come along any more.
    const text = kept?.find(data.message, !pastOf(job).wasBegun) ?? bookOf(id).text;
    const entries: HistoryEntry[] = [];
    books.set(id, { entries, ...(order === undefined ? {} : { seen: order }) });
    if (order !== undefined) parts.onOrder?.(data, order);
    switch (order?.verb) {
      case "hold":
        // Put off, it is moved to those that are held.
        return { kind: "again", at: now() + 60_000 };
      case "drop":
        entries.push(operatorEntry(data.domain, order, now()));
        return { kind: "finished" };
      case "bounce":
      case undefined:
        return parts.deliver(
          {
            data,
            readBody: async () => text ?? readBody(patient.redis, data.message),
            save: (next) => save(job, next),
            remember: (next) => void (job.data = next),
            addBounce: (bounce, lifetimeMs, next) => parts.queue.addBounce(bounce, lifetimeMs, next),
            note: (entry) => entries.push(entry),
            ...(order === undefined ? {} : { giveUp: order }),
          },
          signal,
        );
    }
  };

  return {
    takeOver: () => presence.look(),
    close: async (graceMs) => {
      handOver.leave();
      await closeWorker(worker, patient, {
        graceMs,
        abort: () => {
          stopped = true;
          for (const abort of running) abort.abort(new Error("the relay stops"));
        },
        // First the jobs are to return, then Redis is to take them back.
        abortedMs: 2 * giveBackMs,
        afterwards: async () => {
          await Promise.all(closing);
          await presence.end(true);
        },
      });
      await presence.end(false);
    },
  };
}

const pastOf = ({ priority, attemptsStarted }: Job): JobPast => ({
  isNew: priority === 0,
  wasBegun: attemptsStarted > 1,
});

function save(job: Job<DeliveryJobData>, next: DeliveryJobData): Promise<void> {
  const saved = (job as Job<JobRecord>).updateData(toRecord(next));
  // BullMQ has the record in its place now.
  job.data = next;
  return saved;
}

/** Time, priority and data in one step. BullMQ's `changePriority` would search the whole list of waiting jobs. */
async function putOff(
  { backend }: Worker,
  redis: Redis,
  job: Job<DeliveryJobData>,
  token: string,
  delayMs: number,
  change: { priority?: number; data?: DeliveryJobData | undefined },
): Promise<void> {
  const fields = {
    ...(change.priority === undefined ? {} : { priority: change.priority }),
    ...(change.data === undefined ? {} : { data: JSON.stringify(toRecord(change.data)) }),
  };
  // BullMQ's script breaks off half-way over an object without fields, and leaves a job in nobody's hands.
  const options = { skipAttempt: true, ...(Object.keys(fields).length === 0 ? {} : { fieldsToUpdate: fields }) };
  const id = job.id ?? "";
  try {
    await untilTaken(
      () => backend.moveToDelayed(id, Date.now(), Math.max(0, delayMs), token, options),
      () => !backend.closing,
    );
  } catch (err) {
    // Redis was killed after it had done so, and before it could say so. Told a second
    // time it knows of no lock, or of another's who has taken the job since.
    if (isCode(err, ErrorCode.JobLockMismatch)) return;
    if (!isCode(err, ErrorCode.JobLockNotExist) || (await redis.lpos(activeKey, id)) !== null) throw err;
  }
}

const isCode = (err: unknown, code: ErrorCode) => err instanceof Error && "code" in err && err.code === code;

/** What BullMQ says of a job that is gone: it was told twice that the job is done, with Redis killed in between. */
const isDoneAlready = (err: Error) => isCode(err, ErrorCode.JobNotExist);

/** A promise for a job that has been aborted and does not end. */
function lateness(signal: AbortSignal, limitMs: number) {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const passed = new Promise<{ kind: "given-back" }>((resolve) => {
    onAbort = () => {
      timer = setTimeout(() => resolve({ kind: "given-back" }), limitMs);
    };
    signal.addEventListener("abort", onAbort, { once: true });
  });
  return {
    passed,
    forget: () => {
      clearTimeout(timer);
      if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
    },
  };
}
