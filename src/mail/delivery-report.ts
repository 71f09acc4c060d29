/**
 * The report to a sender on what became of a message: a text for people, a part
 * for programs, and the message or its header section.
 * RFC 3461 section 6, RFC 6522 (multipart/report), RFC 3464, RFC 6533 (UTF-8).
 */
import { isAscii, isUtf8 } from "node:buffer";
import { encode, wrap } from "nodemailer/lib/qp";
import type { Cause } from "./cause.ts";
import { mailDate } from "./date.ts";
import { typedAddress, type MessageDsn, type RecipientDsn } from "./dsn.ts";
import { hasShortLines } from "./line-length.ts";
import { humanPart, subjectOf } from "./report-words.ts";

/** RFC 3464 section 2.3.3. `relayed`: handed to a host that sends no reports itself. */
export type Action = "failed" | "delayed" | "relayed";

export type ReportedRecipient = Pick<RecipientDsn, "orcpt"> & {
  address: string;
  action: Action;
  /** RFC 3463. */
  status: string;
  detail: string;
  /** Absent when it is not known of what kind the reason is. */
  cause?: Cause;
  /** The host's reply that decided. */
  said?: { host: string; reply: string };
};

export type DeliveryReport = MessageDsn & {
  /** Our own host name: who reports. */
  hostname: string;
  /** To whom: the envelope sender of the message. */
  to: string;
  /** The queue id of the message that it is about. */
  message: string;
  acceptedAt: number;
  /** Until when delivery is tried. */
  expiresAt: number;
  now: number;
  recipients: ReportedRecipient[];
  /** The message; absent when it is lost. */
  original?: Buffer;
  messageId: string;
};

/** The whole report, CRLF line ends. It has 8-bit bytes only where the message has. */
export function buildReport(report: DeliveryReport): Buffer {
  // The text of the message was written before its queue id was made: it cannot have this line in it.
  const boundary = `=_${report.messageId.replaceAll(/[^\w]/g, "")}`;
  const head = [
    `From: Mail Delivery <MAILER-DAEMON@${report.hostname}>`,
    `To: <${report.to}>`,
    `Subject: ${subjectOf(report)}`,
    `Date: ${mailDate(report.now)}`,
    `Message-ID: ${report.messageId}`,
    // RFC 3834 section 5: no autoresponder answers this.
    "Auto-Submitted: auto-replied",
    "MIME-Version: 1.0",
    "Content-Type: multipart/report; report-type=delivery-status;",
    `\tboundary="${boundary}"`,
  ];
  const parts = [textPart(humanPart(report)), statusPart(report), originalPart(report)].filter(
    (part) => part !== undefined,
  );
  if (parts.some(({ encoding }) => encoding === "8bit")) head.push("Content-Transfer-Encoding: 8bit");
  return Buffer.concat([
    Buffer.from(`${head.join("\r\n")}\r\n\r\n`),
    ...parts.flatMap(({ type, encoding, content }) => [
      Buffer.from(`--${boundary}\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`),
      content,
      Buffer.from("\r\n"),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
}

type Part = { type: string; encoding: "7bit" | "8bit" | "quoted-printable"; content: Buffer };

function textPart(text: string): Part {
  return { type: "text/plain; charset=utf-8", ...encoded(Buffer.from(text)) };
}

/** RFC 3464 section 2: fields about the message, then a group for each recipient. 7-bit whatever happens. */
function statusPart(report: DeliveryReport): Part {
  const { envid, hostname, message, acceptedAt } = report;
  const about = fields({
    "Original-Envelope-Id": envid,
    "Reporting-MTA": `dns; ${hostname}`,
    "X-Queue-Id": message,
    "Arrival-Date": mailDate(acceptedAt),
  });
  const groups = report.recipients.map((recipient) => recipientGroup(recipient, report));
  return { type: "message/delivery-status", encoding: "7bit", content: Buffer.from([about, ...groups].join("\r\n")) };
}

function recipientGroup(recipient: ReportedRecipient, { now, expiresAt }: DeliveryReport): string {
  const { address, action, status, detail, said, orcpt } = recipient;
  return fields({
    "Original-Recipient": orcpt === undefined ? undefined : spaced(orcpt),
    "Final-Recipient": spaced(typedAddress(address)),
    Action: action,
    Status: status,
    "Remote-MTA": said === undefined ? undefined : `dns; ${said.host}`,
    "Diagnostic-Code": said === undefined ? `x-sts-relay; ${detail}` : `smtp; ${said.reply}`,
    "Last-Attempt-Date": mailDate(now),
    "Will-Retry-Until": action === "delayed" ? mailDate(expiresAt) : undefined,
  });
}

const spaced = (typed: string) => typed.replace(";", "; ");

function fields(values: Record<string, string | undefined>): string {
  const lines = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${oneLine(value)}\r\n`],
  );
  return lines.join("");
}

/** What strangers said breaks no line and adds no field. */
function oneLine(text: string): string {
  return text.replace(/[^\u0020-\u007e]+/g, "?").slice(0, 800);
}

const MOST_HEADER_BYTES = 64 * 1024;
const MOST_RETURNED_BYTES = 1024 * 1024;

/** RFC 3461 section 4.3: the whole message is for failures alone, and only where it was asked for. */
function originalPart({ original, ret, recipients }: DeliveryReport): Part | undefined {
  if (original === undefined) return undefined;
  const headers = headersOf(original);
  const isInUtf8 = !isAscii(headers) && isUtf8(headers);
  const isWhole =
    ret === "FULL" &&
    recipients.some(({ action }) => action === "failed") &&
    original.length <= MOST_RETURNED_BYTES &&
    hasShortLines(original);
  if (isWhole) {
    // A part that is a message must not be encoded as a whole. RFC 2046 section 5.2.1.
    const encoding = isAscii(original) ? "7bit" : "8bit";
    return { type: isInUtf8 ? "message/global" : "message/rfc822", encoding, content: original };
  }
  if (isInUtf8 && hasShortLines(headers)) return { type: "message/global-headers", encoding: "8bit", content: headers };
  return { type: "text/rfc822-headers", ...encoded(headers) };
}

function headersOf(original: Buffer): Buffer {
  const end = original.indexOf("\r\n\r\n");
  const whole = original.subarray(0, end === -1 ? original.length : end + 2);
  if (whole.length <= MOST_HEADER_BYTES) return whole;
  const lastLine = whole.lastIndexOf("\r\n", MOST_HEADER_BYTES);
  return whole.subarray(0, lastLine === -1 ? MOST_HEADER_BYTES : lastLine + 2);
}

function encoded(content: Buffer): Pick<Part, "encoding" | "content"> {
  if (isAscii(content) && hasShortLines(content)) return { encoding: "7bit", content };
  return { encoding: "quoted-printable", content: Buffer.from(wrap(encode(content))) };
}
