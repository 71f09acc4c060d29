/** A Redis, a queue, and workers that are closed in the end: for tests of what becomes of a job. */
import type { HandOver } from "../../src/store/hand-over.ts";
import type { KeptTexts } from "../../src/store/kept-texts.ts";
import {
  type Deliver,
  type DeliveryWorker,
  type DeliveryWorkerParts,
  startDeliveryWorker,
} from "../../src/store/delivery-worker.ts";
import { createMailQueue } from "../../src/store/mail-queue.ts";
import { startTestRedis } from "../support/redis.ts";
import { open } from "./support.ts";

export type WorkerBench = Awaited<ReturnType<typeof openWorkerBench>>;

/** @param shared what queue and workers of a process have in common */
export async function openWorkerBench(shared: { handOver?: HandOver; kept?: KeptTexts } = {}) {
  const redis = await startTestRedis();
  const connection = await open(redis.socketPath);
  const queue = createMailQueue({ connection, ...shared });
  const faults: unknown[] = [];
  const workers: DeliveryWorker[] = [];
  const start = (deliver: Deliver, options: Partial<DeliveryWorkerParts> = {}): DeliveryWorker => {
    const onFault = (_where: string, err: unknown) => faults.push(err);
    const parts = { connection, queue, ...shared, concurrency: 5, giveBackMs: 200, deliver, onFault };
    const worker = startDeliveryWorker({ ...parts, ...options });
    workers.push(worker);
    return worker;
  };
  return {
    redis,
    connection,
    queue,
    faults,
    start,
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.close(0)));
      await queue.close();
      await connection.close();
      await redis[Symbol.asyncDispose]();
    },
  };
}
