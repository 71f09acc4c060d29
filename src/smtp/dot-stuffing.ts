/**
 * A message as DATA carries it: a dot more in front of each line that begins with
 * one, and the line with nothing but a dot behind it. RFC 5321 section 4.5.2.
 */
import { putBehind } from "../mail/spare-room.ts";

const DOT = 0x2e;
const LINE_WITH_DOT = Buffer.from("\r\n.");
const STUFFED = Buffer.from("\r\n..");
const END = Buffer.from(".\r\n");

/** @param data lines that end in CRLF, the last one too; it may be empty */
export function asDataOf(data: Buffer): Buffer {
  const pieces: Buffer[] = data[0] === DOT ? [Buffer.from(".")] : [];
  let from = 0;
  for (let at = data.indexOf(LINE_WITH_DOT); at !== -1; at = data.indexOf(LINE_WITH_DOT, from)) {
    pieces.push(data.subarray(from, at), STUFFED);
    from = at + LINE_WITH_DOT.length;
  }
  if (pieces.length === 0) return putBehind(data, END);
  pieces.push(data.subarray(from), END);
  return Buffer.concat(pieces);
}
