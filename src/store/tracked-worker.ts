/**
 * A BullMQ worker that knows at any moment which jobs it has in hand: from the
 * moment in which Redis has told it of one, to the moment in which Redis has
 * told it that it is done. BullMQ itself forgets a job a moment earlier.
 */
import type { Job, JobsOptions, Worker } from "bullmq";
import { PacedWorker } from "./paced-worker.ts";
import { untilTaken } from "./until-taken.ts";

/** The same for all, so no job in Redis carries them. */
const JOB_OPTIONS: JobsOptions = {
  // BullMQ's own retries step in only when the store fails at the very end of an attempt.
  attempts: 1_000_000_000,
  backoff: { type: "fixed", delay: 60_000 },
  removeOnComplete: true,
};

export class TrackedWorker<Data> extends PacedWorker<Data> {
  /** The token of each job in hand, by the job's id. */
  readonly inHand = new Map<string, string>();

  /** The id of a job behind which no other waits: set before BullMQ hears of it. */
  lastOfAll: string | undefined;

  /** The tokens of jobs whose lock is not the one that was asked for, by the job's id: set before BullMQ hears of them. */
  readonly handedOver = new Map<string, string>();

  /** Called when a job is out of hand, whatever became of it. */
  onLeft: ((job: Job<Data>) => void) | undefined;

  // Jobs come in three ways: asked for, handed over, and with the reply to one that is done. All pass here.
  protected override nextJobFromJobData(
    ...[data, id, token]: Parameters<Worker<Data>["nextJobFromJobData"]>
  ): ReturnType<Worker<Data>["nextJobFromJobData"]> {
    const own = this.#tokenOf(id) ?? token;
    if (id !== undefined && own !== undefined) this.inHand.set(id, own);
    // `null`, too, says that there is none.
    if (data) data.opts = JOB_OPTIONS;
    const next = super.nextJobFromJobData(data, id, own);
    if (id !== undefined && id === this.lastOfAll) {
      // BullMQ would first ask once more, and only then wait to be told.
      (this as unknown as { drained: boolean }).drained = true;
      this.lastOfAll = undefined;
    }
    return next;
  }

  #tokenOf(id: string | undefined): string | undefined {
    if (id === undefined || this.handedOver.size === 0) return undefined;
    const token = this.handedOver.get(id);
    this.handedOver.delete(id);
    return token;
  }

  // BullMQ would take a refusal for a failure of the job, and run it again later: a message that a host has would be sent twice.
  protected override handleCompleted(
    ...finished: Parameters<Worker<Data>["handleCompleted"]>
  ): ReturnType<Worker<Data>["handleCompleted"]> {
    return untilTaken(
      () => super.handleCompleted(...finished),
      () => !this.backend.closing,
    );
  }

  override async processJob(
    ...[job, token, fetchNext]: Parameters<Worker<Data>["processJob"]>
  ): ReturnType<Worker<Data>["processJob"]> {
    const id = job.id ?? "";
    this.inHand.set(id, token);
    try {
      return await super.processJob(job, token, fetchNext);
    } finally {
      // Given back and taken again meanwhile, it is in hand under another token.
      if (this.inHand.get(id) === token) this.inHand.delete(id);
      this.onLeft?.(job);
    }
  }
}
