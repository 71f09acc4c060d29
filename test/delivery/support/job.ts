/** A job in memory, with everything that was written of it. */
import type { Job } from "../../../src/delivery/deliver.ts";
import type { AcceptedMessage } from "../../../src/mail/envelope.ts";
import type { DeliveryJobData, RecipientState } from "../../../src/mail/delivery-job.ts";
import type { HistoryEntry } from "../../../src/mail/history.ts";

export const LIFETIME_MS = 3_600_000;

/** Accepted now, for one recipient. */
export function jobData(change: Partial<DeliveryJobData> = {}): DeliveryJobData {
  const now = Date.now();
  return {
    message: "m1",
    domain: "lab.test",
    from: "sender@lab.test",
    recipients: waiting("user@lab.test"),
    acceptedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + LIFETIME_MS).toISOString(),
    sizeBytes: 30,
    smtputf8: false,
    eightBit: false,
    attempt: 0,
    attempts: [],
    ...change,
  };
}

export const waiting = (...addresses: string[]): RecipientState[] =>
  addresses.map((address) => ({ address, state: "waiting" }));

export type MemoryJob = Job & {
  /** Each state written, with or without a bounce, in order. */
  saved: DeliveryJobData[];
  bounces: AcceptedMessage[];
  history: HistoryEntry[];
  /** As the queue has it now. */
  readonly latest: DeliveryJobData;
};

export function createJob(change: Partial<DeliveryJobData> = {}, body: Buffer | undefined = BODY): MemoryJob {
  const data = jobData(change);
  const saved: DeliveryJobData[] = [];
  const bounces: AcceptedMessage[] = [];
  const history: HistoryEntry[] = [];
  return {
    data,
    saved,
    bounces,
    history,
    get latest() {
      return saved.at(-1) ?? data;
    },
    readBody: () => Promise.resolve(body),
    save(next) {
      saved.push(next);
      return Promise.resolve();
    },
    addBounce(bounce, _lifetimeMs, next) {
      bounces.push(bounce);
      saved.push(next);
      return Promise.resolve();
    },
    note: (entry) => void history.push(entry),
  };
}

const BODY = Buffer.from("Subject: hello\r\n\r\ntext\r\n");
