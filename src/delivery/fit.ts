/**
 * Whether a message fits what a host offers, and the mail command it becomes.
 * A message that does not fit is never sent raw.
 * RFC 1870 (SIZE), RFC 6152 (8BITMIME), RFC 6531 section 3.2 (SMTPUTF8).
 */
import { isAscii } from "node:buffer";
import type { Mail } from "../smtp/transaction.ts";
import type { Offers } from "../smtp/session.ts";
import type { Failure } from "./outcome.ts";

type Message = { from: string; data: Buffer; smtputf8: boolean; eightBit: boolean };

/**
 * Recipients in groups of at most `most`, one transaction each. One that only
 * some hosts take does not share its fate with the others.
 */
export function inTransactions(recipients: string[], most: number): string[][] {
  const kinds = Object.values(Object.groupBy(recipients, addressKind)).filter((group) => group !== undefined);
  return kinds.flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / most) }, (_, i) => group.slice(i * most, (i + 1) * most)),
  );
}

function addressKind(address: string): "plain" | "non-ascii" | "unspeakable" {
  // Brackets in a quoted local part. nodemailer takes no such address, lest it end the command early.
  if (/[<>\r\n]/.test(address)) return "unspeakable";
  return isAscii(Buffer.from(address)) ? "plain" : "non-ascii";
}

export function fitFor(
  message: Message,
  to: string[],
  offers: Offers,
): { kind: "fits"; mail: Mail } | { kind: "unfit"; failure: Failure } {
  if (offers.maxSizeBytes !== undefined && message.data.length > offers.maxSizeBytes) {
    return unfit("5.3.4", `the message has ${message.data.length} bytes, the host takes ${offers.maxSizeBytes}`);
  }
  const kinds = new Set([message.from, ...to].map(addressKind));
  if (kinds.has("unspeakable")) return unfit("5.1.3", "the relay does not send addresses with angle brackets in them");
  // A client may announce SMTPUTF8 for mail that does not need it; then any host will do. RFC 6531 section 3.4.
  const needsUtf8 = kinds.has("non-ascii") || (message.smtputf8 && !isAscii(headOf(message.data)));
  if (needsUtf8 && !offers.smtputf8) {
    return unfit("5.6.7", "an address or the header is not in ASCII, and the host does not take that (SMTPUTF8)");
  }
  const eightBit = !isAscii(message.data);
  if (eightBit && !offers.eightBit && !needsUtf8) {
    return unfit("5.6.3", "the message has 8-bit text, and the host does not take that (8BITMIME)");
  }
  const mail = {
    from: message.from,
    to,
    data: message.data,
    smtputf8: needsUtf8,
    eightBit: eightBit && offers.eightBit,
  };
  return { kind: "fits", mail };
}

function headOf(data: Buffer): Buffer {
  const end = data.indexOf("\r\n\r\n");
  return end === -1 ? data : data.subarray(0, end);
}

const unfit = (status: Failure["status"], detail: string) =>
  ({ kind: "unfit", failure: { kind: "failed", status, detail } }) as const;
