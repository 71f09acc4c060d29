/**
 * The report to the sender that a message could not be delivered: a readable
 * part, a part for programs, and the header section of the message.
 * RFC 3461 section 6, RFC 3462 (multipart/report), RFC 3464.
 */
import MimeNode from "nodemailer/lib/mime-node";
import { mailDate } from "./date.ts";

export type BounceReport = {
  /** Our own host name: who reports. */
  hostname: string;
  /** To whom: the envelope sender of the message. */
  to: string;
  /** The queue id of the message that failed. */
  message: string;
  acceptedAt: number;
  now: number;
  recipients: { address: string; status: string; detail: string }[];
  /** The message, for its header section; absent when it is lost. */
  original?: Buffer;
  messageId: string;
};

/** The whole report, CRLF line ends. */
export async function buildBounce(report: BounceReport): Promise<Buffer> {
  const root = new MimeNode("multipart/report; report-type=delivery-status", {
    newline: "win",
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  root.setHeader("From", { name: "Mail Delivery", address: `MAILER-DAEMON@${report.hostname}` });
  root.setHeader("To", report.to);
  root.setHeader("Subject", "Your message could not be delivered");
  root.setHeader("Date", new Date(report.now));
  root.setHeader("Message-ID", report.messageId);
  // RFC 3834 section 5: no autoresponder answers this.
  root.setHeader("Auto-Submitted", "auto-replied");
  root.createChild("text/plain; charset=utf-8").setContent(humanPart(report));
  root.createChild("message/delivery-status").setContent(statusPart(report));
  if (report.original !== undefined) {
    root.createChild("text/rfc822-headers").setContent(headersOf(report.original));
  }
  return root.build();
}

function humanPart(report: BounceReport): string {
  const { recipients, hostname, message } = report;
  const one = recipients.length === 1;
  const list = recipients.flatMap(({ address, status, detail }) => [`<${address}>`, `    ${detail} (${status})`, ""]);
  return [
    `This is the mail relay ${hostname}.`,
    "",
    `Your message of ${mailDate(report.acceptedAt)} could not be delivered to ${one ? "this recipient" : "these recipients"}. It will not be tried again.`,
    "",
    ...list,
    `When you ask the administrator about it, give this id: ${message}.`,
    "",
  ].join("\r\n");
}

/** RFC 3464 section 2: fields about the message, then a group for each recipient. */
function statusPart(report: BounceReport): string {
  const groups = report.recipients.map(({ address, status, detail }) =>
    [
      `Final-Recipient: ${recipientField(address)}`,
      "Action: failed",
      `Status: ${status}`,
      `Diagnostic-Code: x-sts-relay; ${oneLine(detail)}`,
    ].join("\r\n"),
  );
  const head = [
    `Reporting-MTA: dns; ${report.hostname}`,
    `X-Queue-Id: ${report.message}`,
    `Arrival-Date: ${mailDate(report.acceptedAt)}`,
  ].join("\r\n");
  return [head, ...groups].join("\r\n\r\n") + "\r\n";
}

/** RFC 6533 section 3: a non-ASCII address has a type of its own, and a form in ASCII, where `\\`, `+`, `=` and space are escaped too. */
function recipientField(address: string): string {
  if (!/\P{ASCII}/u.test(address)) return `rfc822; ${address}`;
  const escaped = address.replace(
    /[^!-*,-<>-[\]-~]/gu,
    (char) => `\\x{${(char.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`,
  );
  return `utf-8; ${escaped}`;
}

/** ASCII and short: `message/delivery-status` is 7-bit text. */
function oneLine(text: string): string {
  return text.replace(/[^\u0020-\u007e]+/g, "?").slice(0, 800);
}

const MOST_HEADER_BYTES = 64 * 1024;

function headersOf(original: Buffer): Buffer {
  const end = original.indexOf("\r\n\r\n");
  return original.subarray(0, Math.min(end === -1 ? original.length : end + 2, MOST_HEADER_BYTES));
}
