/**
 * What webhooks are to be told waits in a queue of its own, so that a receiver
 * that is away hears of it later, and holds up nothing else.
 */
import { type Job, Queue, UnrecoverableError } from "bullmq";
import { closeWorker, isLoss } from "./close-worker.ts";
import { PacedWorker } from "./paced-worker.ts";
import type { StoreConnection } from "./connection.ts";
import { keyPrefix, webhookQueue } from "./keys.ts";
import { guarded } from "./store-error.ts";

export type WebhookQueue<Message> = {
  /** Rejects with a `StoreError` while Redis is away. */
  add(message: Message): Promise<void>;
  close(): Promise<void>;
};

/** After 5 seconds, then twice as long each time: an hour and a half in all. */
const TRIES = 11;
const FIRST_PAUSE_MS = 5_000;

export function createWebhookQueue<Message extends { id: string; event: string }>(
  connection: StoreConnection,
  options: { firstPauseMs?: number } = {},
): WebhookQueue<Message> {
  const queue = new Queue<Message, void>(webhookQueue, {
    connection: connection.redis,
    prefix: keyPrefix,
    skipWaitingForReady: true,
    skipVersionCheck: true,
    streams: { events: { maxLen: 100 } },
  });
  queue.on("error", () => {
    // Of the connection, which reports for itself.
  });
  const backoff = { type: "exponential", delay: options.firstPauseMs ?? FIRST_PAUSE_MS };
  const kept = { attempts: TRIES, backoff, removeOnComplete: true, removeOnFail: true };
  return {
    add: async (message) => {
      const job = { name: message.event as never, data: message as never, opts: { ...kept, jobId: message.id } };
      await guarded("keep what a webhook is to be told", queue.add(job.name, job.data, job.opts));
    },
    close: () => queue.close(),
  };
}

export type WebhookWorkerParts<Message> = {
  connection: StoreConnection;
  /** Rejects when `signal` ends it; then it is tried again. */
  send: (message: Message, signal: AbortSignal) => Promise<{ kind: "accepted" } | { kind: "failed"; detail: string }>;
  onFailed: (message: Message, failure: { detail: string; attempt: number; final: boolean }) => void;
  onFault: (where: string, err: unknown) => void;
};

export function startWebhookWorker<Message>(parts: WebhookWorkerParts<Message>): { close(): Promise<void> } {
  const { connection, onFault } = parts;
  const patient = connection.openPatient();
  const stopping = new AbortController();
  const worker = new PacedWorker<Message>(
    webhookQueue,
    async (job: Job<Message>) => {
      const outcome = await parts.send(job.data, stopping.signal);
      if (outcome.kind === "accepted") return;
      const attempt = job.attemptsMade + 1;
      const final = attempt >= TRIES;
      parts.onFailed(job.data, { detail: outcome.detail, attempt, final });
      throw final ? new UnrecoverableError(outcome.detail) : new Error(outcome.detail);
    },
    // A worker that died in the middle is no reason to give up.
    { connection: patient.redis, prefix: keyPrefix, concurrency: 4, runRetryDelay: 1_000, maxStalledCount: TRIES },
  );
  worker.on("error", (err) => {
    if (!isLoss(err)) onFault("webhooks", err);
  });
  return {
    close: () =>
      closeWorker(worker, patient, {
        graceMs: 1_000,
        abort: () => stopping.abort(new Error("the relay stops")),
        abortedMs: 3_000,
      }),
  };
}
