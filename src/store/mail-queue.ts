/**
 * The mail queue as the rest of the relay sees it. It lives in Redis: body and
 * jobs in plain keys (see `keys.ts`), the jobs' order and locks with BullMQ.
 */
import { Queue } from "bullmq";
import type { AcceptedMessage } from "../mail/envelope.ts";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import { addMessage, jobNote, type MessageStore, type QueueNote } from "./add-message.ts";
import type { StoreConnection } from "./connection.ts";
import type { HandOver } from "./hand-over.ts";
import type { KeptTexts } from "./kept-texts.ts";
import { deliveryQueue, keyPrefix } from "./keys.ts";
import { guarded, StoreError } from "./store-error.ts";
import { type MemoryState, watchMemory } from "./watermark.ts";

export type MailQueue = {
  /**
   * Takes a message. When it resolves, message and jobs are in Redis, and with
   * `appendfsync always` on disk; only then is "250" true.
   *
   * Rejects with a `StoreError`: at once while Redis is away, full or over the
   * watermark; at the command timeout while it hangs. Adding a message that is
   * there already changes nothing.
   */
  add(message: AcceptedMessage, options: { lifetimeMs: number }): Promise<void>;
  /** Like `add`, whatever the watermark, and writes the new data of the job that gave rise to the bounce in the same transaction. */
  addBounce(bounce: AcceptedMessage, lifetimeMs: number, cause: DeliveryJobData): Promise<void>;
  /** Like `add`, and writes a note in the same transaction. */
  addNoted(message: AcceptedMessage, lifetimeMs: number, note: QueueNote): Promise<void>;
  counts(): Promise<QueueCounts>;
  close(): Promise<void>;
};

/** How many delivery jobs there are: a message to three domains is three. */
export type QueueCounts = {
  /** New mail, not yet begun. */
  waiting: number;
  active: number;
  /** Put off to a later time. */
  delayed: number;
  /** Tried before, and due now. */
  retrying: number;
  /** Must be 0: the relay never fails a job. */
  failed: number;
};

/** About what a delivery job takes in Redis, with its part of the history. */
const JOB_BYTES = 2_000;

export function createMailQueue(parts: {
  connection: StoreConnection;
  /** The part of Redis' `maxmemory` at which no new mail is taken. Default: 0.9. */
  stopIntakeAt?: number;
  /** Called when intake stops, and when it goes on. */
  onIntake?: (stopped: boolean, memory: MemoryState) => void;
  /** Whether to begin a history of each message. Default: yes. */
  keepsHistory?: boolean;
  /** Of the workers of this process. */
  handOver?: HandOver;
  /** What workers of this process need not read. */
  kept?: KeptTexts;
}): MailQueue {
  const { redis } = parts.connection;
  const { keepsHistory = true, handOver, kept } = parts;
  const watermark = watchMemory({
    redis,
    fraction: parts.stopIntakeAt ?? 0.9,
    ...(parts.onIntake === undefined ? {} : { onChange: parts.onIntake }),
  });
  const queue = new Queue<DeliveryJobData>(deliveryQueue, {
    connection: redis,
    prefix: keyPrefix,
    // Neither is waited for: whether Redis is there shows at each command, and its
    // version is judged in `durability.ts`.
    skipWaitingForReady: true,
    skipVersionCheck: true,
    // BullMQ's event stream, which nothing here reads: kept short.
    streams: { events: { maxLen: 1_000 } },
  });
  queue.on("error", () => {
    // Of the connection, which reports for itself; what a command meets rejects that command.
  });
  const store: MessageStore = { redis, keepsHistory, handOver, kept };
  const addNew = async (message: AcceptedMessage, lifetimeMs: number, note?: QueueNote) => {
    if (watermark.isOver) {
      throw new StoreError("over-watermark", "Redis is nearly full: no new mail until some has been delivered");
    }
    watermark.expect(message.data.length + JOB_BYTES * message.envelope.to.length);
    await addMessage(store, message, lifetimeMs, note);
  };
  return {
    add: (message, { lifetimeMs }) => addNew(message, lifetimeMs),
    addBounce: (bounce, lifetimeMs, cause) => addMessage(store, bounce, lifetimeMs, jobNote(cause)),
    addNoted: addNew,
    counts: async () => {
      const counts = await guarded(
        "count the queue",
        queue.getJobCounts("wait", "active", "delayed", "prioritized", "failed"),
      );
      return {
        waiting: counts["wait"] ?? 0,
        active: counts["active"] ?? 0,
        delayed: counts["delayed"] ?? 0,
        retrying: counts["prioritized"] ?? 0,
        failed: counts["failed"] ?? 0,
      };
    },
    close: async () => {
      watermark.stop();
      await queue.close();
    },
  };
}
