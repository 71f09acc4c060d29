/**
 * Takes delivery jobs one after the other and hands each to `deliver`. Whatever
 * happens to a job, it is delivered, put off, or given back: BullMQ never gets
 * to call one failed.
 */
import { DelayedError, type Job, WaitingError, Worker } from "bullmq";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import type { AcceptedMessage } from "../mail/envelope.ts";
import type { HistoryEntry } from "../mail/history.ts";
import { afterPutOff } from "./after-put-off.ts";
import { closeBody, readBody } from "./body.ts";
import { closeWorker, isLoss } from "./close-worker.ts";
import type { StoreConnection } from "./connection.ts";
import { type JobOrder, operatorEntry } from "./job-order.ts";
import { deliveryQueue, keyPrefix } from "./keys.ts";
import type { MailQueue } from "./mail-queue.ts";

/** One delivery job in the hands of `deliver`. While Redis is away its methods wait, but for `addBounce`. */
export type DeliveryHandle = {
  data: DeliveryJobData;
  /** `undefined`: it is gone from Redis. */
  readBody(): Promise<Buffer | undefined>;
  /** Writes progress down at once, so that a job that is run twice does not send twice. */
  save(data: DeliveryJobData): Promise<void>;
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
  /** To be tried again at `at`, in epoch milliseconds. What is to be kept has been saved. */
  | { kind: "again"; at: number };

export type Deliver = (job: DeliveryHandle, signal: AbortSignal) => Promise<DeliverResult>;

export type DeliveryWorkerParts = {
  connection: StoreConnection;
  queue: MailQueue;
  /** How many jobs at a time. */
  concurrency: number;
  /** Aborted by `signal` it should return or throw soon; the job is then given back. */
  deliver: Deliver;
  /** A bug, or a fault of Redis; the job in question is tried again. */
  onFault: (where: string, err: unknown) => void;
  /** An operator's order was carried out, or handed to `deliver`. */
  onOrder?: (job: DeliveryJobData, order: JobOrder) => void;
  now?: () => number;
  /** After how long a job whose worker died is taken by another. Default: 120,000. */
  lockMs?: number;
  /** How long a job is put off after `deliver` threw. Default: 60,000. */
  pauseAfterFaultMs?: number;
  /** How long `deliver` may take to return when aborted, and Redis then to take the jobs back. Default: 3,000 each. */
  giveBackMs?: number;
};

export type DeliveryWorker = {
  /**
   * Takes no more jobs, waits `graceMs` for those that run, then aborts them.
   * In the end all are done or given back; with Redis away they are left, and
   * taken by another worker after `lockMs`.
   */
  close(graceMs: number): Promise<void>;
};

/** New mail has none and goes first. */
const priorityOfRetries = 1;

export function startDeliveryWorker(parts: DeliveryWorkerParts): DeliveryWorker {
  const { connection, concurrency, onFault, lockMs = 120_000, giveBackMs = 3_000, now = Date.now } = parts;
  const patient = connection.openPatient();
  const running = new Set<AbortController>();
  let stopped = false;

  const worker: Worker<DeliveryJobData> = new Worker(
    deliveryQueue,
    async (job, token = "") => {
      const abort = new AbortController();
      running.add(abort);
      try {
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
      lockDuration: lockMs,
      stalledInterval: Math.min(lockMs, 30_000),
      // BullMQ fails a job whose worker died twice. It was not the mail's fault.
      maxStalledCount: 1_000_000_000,
      runRetryDelay: 1_000,
    },
  );
  worker.on("error", (err) => {
    if (!isLoss(err)) onFault("delivery queue", err);
  });

  // The job goes first, then its text: the other way round, a crash between the
  // two would leave a job without its text, for mail that has been delivered.
  // What a crash leaves over this way is an orphan for the sweeper.
  const closing = new Set<Promise<void>>();
  const afterwards = (where: string, work: Promise<void>) => {
    const done = work
      .catch((err: Error) => {
        if (!isLoss(err)) onFault(where, err);
      })
      .finally(() => closing.delete(done));
    closing.add(done);
  };
  const books = new WeakMap<Job, { entries: HistoryEntry[]; seen?: JobOrder }>();
  const bookOf = (job: Job) => books.get(job) ?? { entries: [] };
  worker.on("completed", (job) => {
    const history = { now: now(), entries: bookOf(job).entries };
    afterwards("body", closeBody(patient.redis, job.data.message, job.data.domain, history));
  });

  const runJob = async (job: Job<DeliveryJobData>, signal: AbortSignal, token: string) => {
    const result = await outcomeOf(job, signal);
    switch (result.kind) {
      case "finished":
        return;
      case "again":
        await putOff(worker, job, token, result.at - now());
        afterwards("delivery queue", afterPutOff(patient.redis, job.data, now(), bookOf(job)));
        throw new DelayedError();
      case "given-back":
        await job.moveToWait(token);
        throw new WaitingError();
    }
  };

  const outcomeOf = async (
    job: Job<DeliveryJobData>,
    signal: AbortSignal,
  ): Promise<DeliverResult | { kind: "given-back" }> => {
    // Fetched in the very moment of the abort.
    if (stopped) return { kind: "given-back" };
    const late = lateness(signal, giveBackMs);
    try {
      return await Promise.race([deliverOrObey(job, signal), late.passed]);
    } catch (err) {
      if (signal.aborted) return { kind: "given-back" };
      onFault("delivery", err);
      return { kind: "again", at: now() + (parts.pauseAfterFaultMs ?? 60_000) };
    } finally {
      late.forget();
    }
  };

  const deliverOrObey = async (job: Job<DeliveryJobData>, signal: AbortSignal): Promise<DeliverResult> => {
    const { data } = job;
    const { body, order } = await readBody(patient.redis, data.message, data.domain);
    const entries: HistoryEntry[] = [];
    books.set(job, { entries, ...(order === undefined ? {} : { seen: order }) });
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
            readBody: () => Promise.resolve(body),
            save: (next) => job.updateData(next),
            addBounce: (bounce, lifetimeMs, next) => parts.queue.addBounce(bounce, lifetimeMs, next),
            note: (entry) => entries.push(entry),
            ...(order === undefined ? {} : { giveUp: order }),
          },
          signal,
        );
    }
  };

  return {
    close: (graceMs) =>
      closeWorker(worker, patient, {
        graceMs,
        abort: () => {
          stopped = true;
          for (const abort of running) abort.abort(new Error("the relay stops"));
        },
        // First the jobs are to return, then Redis is to take them back.
        abortedMs: 2 * giveBackMs,
        afterwards: async () => void (await Promise.all(closing)),
      }),
  };
}

/** Priority and time in one step. BullMQ's `changePriority` would search the whole list of waiting jobs. */
async function putOff(worker: Worker, job: Job, token: string, delayMs: number): Promise<void> {
  await worker.backend.moveToDelayed(job.id ?? "", Date.now(), Math.max(0, delayMs), token, {
    skipAttempt: true,
    fieldsToUpdate: { priority: priorityOfRetries },
  });
}

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
