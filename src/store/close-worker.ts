/** Ends a BullMQ worker, also one whose Redis is away. BullMQ alone would then wait for ever. */
import type { Worker } from "bullmq";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { PatientConnection } from "./connection.ts";

const LAST_WORDS_MS = 1_000;

/**
 * Takes no more jobs, lets those that run go on for `graceMs`, aborts them,
 * waits `abortedMs` more and shortly for `afterwards`, then cuts off.
 */
export async function closeWorker(
  worker: Worker,
  connection: PatientConnection,
  how: { graceMs: number; abort: () => void; abortedMs: number; afterwards?: () => Promise<void> },
): Promise<void> {
  const closed = worker.close();
  await endBlockingConnection(worker);
  if (!(await settlesWithin(closed, how.graceMs))) {
    how.abort();
    await settlesWithin(closed, how.abortedMs);
  }
  // With Redis away there is no waiting for what it still should be told.
  if (how.afterwards !== undefined) await settlesWithin(how.afterwards(), LAST_WORDS_MS);
  await connection.end();
  await closed;
}

/** Redis is away, or was told goodbye: the connection itself reports that, once. */
export function isLoss(err: Error): boolean {
  return "syscall" in err || err.name === "AbortError" || /^(Connection is closed|Socket timeout)/.test(err.message);
}

/**
 * BullMQ has disconnected the connection on which it waits for jobs, and waits
 * for its end. Between two tries to connect ioredis forgets the next try then,
 * and the end never comes: so one more try is made.
 */
async function endBlockingConnection(worker: Worker): Promise<void> {
  await nextTurn();
  const blocking = await worker.backend.blockingClient;
  if (blocking?.status !== "reconnecting") return;
  await blocking.connect().catch(() => {
    // That it fails is what ends it.
  });
}

async function settlesWithin(promise: Promise<void>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
