/**
 * A BullMQ worker that takes its time after a failure to fetch a job. BullMQ
 * itself tries again at once: with Redis full, that fills the log as fast as
 * Redis can say no.
 */
import { Worker } from "bullmq";
import { setTimeout as sleep } from "node:timers/promises";

const PAUSE_MS = 1_000;

export class PacedWorker<Data> extends Worker<Data> {
  protected override async moveToActive(
    ...[token, name]: Parameters<Worker<Data>["moveToActive"]>
  ): ReturnType<Worker<Data>["moveToActive"]> {
    try {
      return await super.moveToActive(token, name);
    } catch (err) {
      await sleep(PAUSE_MS);
      throw err;
    }
  }
}
