/**
 * The header section of a message: where it ends, what is in it, and the fields
 * a submission server adds when they are missing. Lines end in CRLF here (see
 * content.ts). RFC 5322 section 2.2, RFC 6409 section 8.
 */
import type { Domain } from "../dns/answer.ts";
import { mailDate } from "./date.ts";
import { putBefore } from "./spare-room.ts";

/** More than any mail program writes; beyond it somebody is after our memory. */
export const MAX_HEAD_BYTES = 262_144;

export type HeaderField = {
  /** As written. Names are compared without regard to case. */
  name: string;
  /** Unfolded, without the white space around it. RFC 5322 section 2.2.3. */
  value: string;
};

export type Head = {
  fields: HeaderField[];
  /** Bytes up to the end of the last field. What follows is the blank line, or the body, or nothing. */
  sizeBytes: number;
  /** The body follows the last field with no blank line between. */
  separatorMissing: boolean;
};

/** printable US-ASCII except colon, then (obsolete, but read) white space. RFC 5322 sections 2.2 and 4.5. */
const FIELD_START = /^([!-9;-~]+)[ \t]*:/;

/** `undefined` when the header section is longer than `MAX_HEAD_BYTES`. */
export function readHead(message: Buffer): Head | undefined {
  // Latin-1: one character for each byte, so that offsets in the text are offsets in the message.
  const text = message.toString("latin1", 0, Math.min(message.length, MAX_HEAD_BYTES + 1));
  const fields: HeaderField[] = [];
  let fieldStart = 0;
  let name: string | undefined;
  let position = 0;

  const endField = () => {
    if (name === undefined) return;
    fields.push({ name, value: fieldValue(message.toString("utf8", fieldStart, position)) });
  };

  while (position < message.length) {
    const lineEnd = endOfLine(text, position, message.length);
    if (lineEnd === undefined) return undefined;
    const line = text.slice(position, lineEnd);
    const start = FIELD_START.exec(line)?.[1];
    const continues = name !== undefined && /^[ \t]/.test(line);
    if (start === undefined && !continues) {
      endField();
      return { fields, sizeBytes: position, separatorMissing: line !== "\r\n" };
    }
    if (start !== undefined) {
      endField();
      name = start;
      fieldStart = position;
    }
    position = lineEnd;
  }
  endField();
  return { fields, sizeBytes: position, separatorMissing: false };
}

/** Just after the CRLF of the line at `from`, or the end of a message whose last line has none. */
function endOfLine(text: string, from: number, messageLength: number): number | undefined {
  const crlf = text.indexOf("\r\n", from);
  const end = crlf === -1 ? messageLength : crlf + 2;
  return end > MAX_HEAD_BYTES ? undefined : end;
}

function fieldValue(field: string): string {
  return field
    .slice(field.indexOf(":") + 1)
    .replaceAll(/\r\n(?=[ \t])/g, "")
    .trim();
}

/** The value of the first field of this name. */
export function fieldOf(head: Head, name: string): string | undefined {
  return named(head, name)[0]?.value;
}

/** How many servers have had the message, by their own account: high numbers mean a loop. RFC 5321 section 6.3. */
export function countReceived(head: Head): number {
  return named(head, "received").length;
}

function named(head: Head, name: string): HeaderField[] {
  return head.fields.filter((field) => field.name.toLowerCase() === name);
}

/**
 * The Date and Message-ID fields that the message has not, to be put above its
 * own; `""` when it has both. RFC 6409 sections 8.2 and 8.3.
 */
export function missingFields(head: Head, own: { id: string; hostname: Domain; now: number }): string {
  const date = fieldOf(head, "date") === undefined ? `Date: ${mailDate(own.now)}\r\n` : "";
  const messageId = fieldOf(head, "message-id") === undefined ? `Message-ID: <${own.id}@${own.hostname}>\r\n` : "";
  return date + messageId;
}

/**
 * The message with fields put above its header section. Its own bytes stay as they
 * are; where body and fields run into each other the blank line is put between,
 * or the body's first line would be read as broken header by everyone after us.
 */
export function withFields(message: Buffer, head: Head, fields: string): Buffer {
  const above = Buffer.from(fields, "utf8");
  if (!head.separatorMissing) return putBefore(above, message);
  const [own, body] = [message.subarray(0, head.sizeBytes), message.subarray(head.sizeBytes)];
  return Buffer.concat([above, own, Buffer.from("\r\n"), body]);
}
