/**
 * What a sender must hear of a job, and has not heard yet. Values to values.
 * RFC 3461 sections 4.1 and 5.2.2, RFC 5321 section 6.1.
 */
import type { Action } from "../mail/delivery-report.ts";
import type { DeliveryJobData, RecipientState } from "../mail/delivery-job.ts";
import { wantsReport } from "../mail/dsn.ts";

export type DueReport = {
  recipient: RecipientState;
  action: Action;
  /** The sender wants to hear it, and can: it is not the null sender. */
  wanted: boolean;
};

/** @param warnAfterMs from acceptance until the sender is told that the message is late */
export function dueReports(data: DeliveryJobData, now: number, warnAfterMs: number): DueReport[] {
  const late = now >= warnAt(data, warnAfterMs);
  return data.recipients.flatMap((recipient): DueReport[] => {
    const { state, bounced, relayed } = recipient;
    if (state === "failed" && bounced !== true) {
      return [{ recipient, action: "failed", wanted: data.from !== "" && wantsReport(recipient, "FAILURE") }];
    }
    if (relayed === "to tell") return [{ recipient, action: "relayed", wanted: data.from !== "" }];
    const delayed = state === "waiting" && late && wantsReport(recipient, "DELAY");
    return delayed ? [{ recipient, action: "delayed", wanted: true }] : [];
  });
}

/** When the sender is to be told that the message is late; `Infinity`: never, or it has been told. */
export function warnAt(
  { from, recipients, acceptedAt, delayReportedAt }: DeliveryJobData,
  warnAfterMs: number,
): number {
  // No report on a report. RFC 5321 section 6.1.
  if (from === "" || delayReportedAt !== undefined) return Infinity;
  const isWanted = recipients.some((recipient) => recipient.state === "waiting" && wantsReport(recipient, "DELAY"));
  return isWanted ? Date.parse(acceptedAt) + warnAfterMs : Infinity;
}

/** The job once these reports are in the queue: none of them is made again. */
export function asReported(data: DeliveryJobData, due: DueReport[], now: number): DeliveryJobData {
  const actions = new Map(due.map(({ recipient, action }) => [recipient.address, action]));
  const recipients = data.recipients.map((recipient): RecipientState => {
    const action = actions.get(recipient.address);
    if (action === "failed") return { ...recipient, bounced: true };
    return action === "relayed" ? { ...recipient, relayed: "told" } : recipient;
  });
  const isLate = due.some(({ action }) => action === "delayed");
  return { ...data, recipients, ...(isLate ? { delayReportedAt: new Date(now).toISOString() } : {}) };
}
