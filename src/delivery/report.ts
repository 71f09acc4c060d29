/**
 * The report on a job's recipients: a message for the queue, put into it in one
 * step with the note that it was made.
 */
import { createHash } from "node:crypto";
import { isAscii } from "node:buffer";
import { buildReport } from "../mail/delivery-report.ts";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import type { AcceptedMessage } from "../mail/envelope.ts";
import type { HistoryEntry } from "../mail/history.ts";
import type { Events } from "../observe/events.ts";
import type { RetryRules } from "./retry.ts";
import type { DueReport } from "./reports.ts";

type ReportParts = { hostname: string; now: () => number; retry: RetryRules; events: Events };

/** Puts the report into the queue and writes `after` down, both or neither; then tells of it. */
export async function sendReport(
  parts: ReportParts,
  job: {
    addBounce(report: AcceptedMessage, lifetimeMs: number, data: DeliveryJobData): Promise<void>;
    note(entry: HistoryEntry): void;
  },
  what: { before: DeliveryJobData; after: DeliveryJobData; due: DueReport[]; body: Buffer | undefined },
): Promise<void> {
  const { message, domain, from: to } = what.before;
  const report = reportFor(what.before, what.due, what.body, parts.hostname, parts.now());
  await job.addBounce(report, parts.retry.lifetimeMs, what.after);
  const groups = Map.groupBy(what.due, ({ action }) => action);
  for (const [action, due] of groups) {
    const recipients = due.map(({ recipient }) => recipient.address);
    if (action === "failed") parts.events.bounced({ message, bounce: report.id, to, recipients });
    else parts.events.reported({ message, report: report.id, to, recipients, action });
  }
  const at = new Date(parts.now()).toISOString();
  const recipients = what.due.map(({ recipient }) => recipient.address);
  job.note({ kind: "report", at, domain, report: report.id, to, recipients, actions: [...groups.keys()] });
}

/** Failures that nobody hears of: no report on a report (RFC 5321 section 6.1), none against NOTIFY (RFC 3461 section 4.1). */
export function tellUnwanted({ events }: ReportParts, { message, from }: DeliveryJobData, due: DueReport[]): void {
  const unwanted = due.filter(({ action, wanted }) => action === "failed" && !wanted).map(({ recipient }) => recipient);
  const [first] = unwanted;
  if (first === undefined) return;
  const why = from === "" ? "its sender is <>" : "its sender does not want any (NOTIFY)";
  const recipients = unwanted.map(({ address }) => address);
  events.bounceDropped({ message, recipients, why, detail: first.detail ?? "" });
}

/** @param body the message; `undefined` when it is lost */
export function reportFor(
  data: DeliveryJobData,
  due: DueReport[],
  body: Buffer | undefined,
  hostname: string,
  now: number,
): AcceptedMessage {
  const id = reportId(data, due);
  const messageId = `<${id}@${hostname}>`;
  const { ret, envid } = data;
  const report = buildReport({
    hostname,
    to: data.from,
    message: data.message,
    acceptedAt: Date.parse(data.acceptedAt),
    expiresAt: Date.parse(data.expiresAt),
    now,
    recipients: due.map(({ recipient, action }) => {
      const { address, status = "5.0.0", detail = "", cause, said, orcpt } = recipient;
      return {
        address,
        action,
        status,
        detail,
        ...(cause === undefined ? {} : { cause }),
        ...(said === undefined ? {} : { said }),
        ...(orcpt === undefined ? {} : { orcpt }),
      };
    }),
    messageId,
    ...(ret === undefined ? {} : { ret }),
    ...(envid === undefined ? {} : { envid }),
    ...(body === undefined ? {} : { original: body }),
  });
  const envelope = { from: "", to: [data.from], smtputf8: data.smtputf8, eightBit: !isAscii(report) };
  return { id, envelope, data: report, acceptedAt: now, origin: { messageId, reportOn: data.message } };
}

/** The same for the same outcomes of the same attempt, so that a run that is repeated after a crash adds no second report. */
function reportId(data: DeliveryJobData, due: DueReport[]): string {
  const told = due.map(({ recipient, action }) => `${action} ${recipient.address}`).join(" ");
  const digest = createHash("sha256").update(`${data.domain} ${data.attempt} ${told}`).digest("hex");
  return `${data.message}b${digest.slice(0, 8)}`;
}
