/**
 * A delivery job as it is kept in Redis: what goes without saying is left out,
 * for there may be a million of them.
 */
import type { DeliveryJobData } from "../mail/delivery-job.ts";

export type JobRecord = Omit<DeliveryJobData, "smtputf8" | "eightBit" | "attempt" | "attempts"> &
  Partial<DeliveryJobData>;

/** The inverse of `fromRecord`. */
export function toRecord(data: DeliveryJobData): JobRecord {
  const { smtputf8, eightBit, attempt, attempts, waitingBecause, ...rest } = data;
  const isSaid = waitingBecause === undefined || waitingBecause === detailOfWaiting(data);
  return {
    ...rest,
    ...(smtputf8 ? { smtputf8 } : {}),
    ...(eightBit ? { eightBit } : {}),
    ...(attempt === 0 ? {} : { attempt }),
    ...(attempts.length === 0 ? {} : { attempts }),
    ...(isSaid ? {} : { waitingBecause }),
  };
}

/** Also of a record in which nothing was left out. */
export function fromRecord(record: JobRecord): DeliveryJobData {
  const because = record.waitingBecause ?? detailOfWaiting(record);
  return {
    ...record,
    smtputf8: record.smtputf8 ?? false,
    eightBit: record.eightBit ?? false,
    attempt: record.attempt ?? 0,
    attempts: record.attempts ?? [],
    ...(because === undefined ? {} : { waitingBecause: because }),
  };
}

/** What kept one recipient waiting is, as a rule, why the message waits. */
const detailOfWaiting = ({ recipients }: JobRecord) => recipients.find(({ state }) => state === "waiting")?.detail;
