/**
 * What is done by the clock. Each task has one tick across all processes: BullMQ
 * keeps the schedule in Redis, and one worker somewhere gets the tick.
 */
import { Queue } from "bullmq";
import { closeWorker, isLoss } from "./close-worker.ts";
import type { StoreConnection } from "./connection.ts";
import { keyPrefix, maintenanceQueue } from "./keys.ts";
import { PacedWorker } from "./paced-worker.ts";

export type ScheduledTask = {
  /** Its name in Redis: the same in all processes. */
  name: string;
  everyMs: number;
  /** Runs in one process at a time, unless one takes longer than `everyMs`. Aborted when the relay stops. */
  run: (signal: AbortSignal) => Promise<void>;
};

export type Schedule = {
  /** Aborts what runs, and waits for it a few seconds at most. */
  close(): Promise<void>;
};

/** All tasks of a process together: a worker takes any tick of the queue. */
export function startSchedule(parts: {
  connection: StoreConnection;
  tasks: ScheduledTask[];
  /** A task threw; its next tick comes all the same. */
  onFault: (where: string, err: unknown) => void;
}): Schedule {
  const { tasks, onFault } = parts;
  const patient = parts.connection.openPatient();
  const stopping = new AbortController();
  const options = { connection: patient.redis, prefix: keyPrefix };

  const queue = new Queue(maintenanceQueue, { ...options, streams: { events: { maxLen: 100 } } });
  const worker = new PacedWorker(
    maintenanceQueue,
    async (job) => {
      // Another release of the relay may know tasks that this one does not.
      const task = tasks.find(({ name }) => name === job.name);
      try {
        await task?.run(stopping.signal);
      } catch (err) {
        if (!stopping.signal.aborted) onFault(job.name, err);
      }
    },
    { ...options, concurrency: Math.max(1, tasks.length), runRetryDelay: 1_000 },
  );
  const onError = (err: Error) => {
    if (!isLoss(err)) onFault("schedule", err);
  };
  queue.on("error", onError);
  worker.on("error", onError);

  const scheduled = Promise.all(
    tasks.map(({ name, everyMs }) =>
      queue.upsertJobScheduler(
        name,
        { every: everyMs },
        { name, opts: { removeOnComplete: true, removeOnFail: true } },
      ),
    ),
  ).catch((err: unknown) => {
    if (!stopping.signal.aborted) onFault("schedule", err);
  });

  return {
    close: async () => {
      stopping.abort(new Error("the relay stops"));
      await closeWorker(worker, patient, { graceMs: 5_000, abort: () => undefined, abortedMs: 0 });
      await scheduled;
      await queue.close();
    },
  };
}
