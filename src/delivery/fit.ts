/**
 * Whether a message fits what a host offers, and the mail command it becomes.
 * One that does not is converted where that is possible, and never sent raw.
 * RFC 1870 (SIZE), RFC 6152 (8BITMIME), RFC 6531 section 3.2 (SMTPUTF8).
 */
import { isAscii } from "node:buffer";
import { isAsciiText } from "../mail/ascii-text.ts";
import type { EnvelopeDsn } from "../mail/dsn.ts";
import { hasShortLines } from "../mail/line-length.ts";
import { readEntity } from "../mail/mime-entity.ts";
import { convertMessage, type Lacks } from "../mail/seven-bit.ts";
import type { Mail } from "../smtp/transaction.ts";
import type { Offers } from "../smtp/session.ts";
import type { Failure } from "./outcome.ts";

type Message = { from: string; data: Buffer; smtputf8: boolean; eightBit: boolean; dsn?: EnvelopeDsn };

/**
 * Recipients in groups of at most `most`, one transaction each. One that only
 * some hosts take does not share its fate with the others.
 */
export function inTransactions(recipients: string[], most: number): string[][] {
  // As nearly all mail has it.
  if (recipients.length === 1) return [recipients];
  const kinds = Object.values(Object.groupBy(recipients, addressKind)).filter((group) => group !== undefined);
  return kinds.flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / most) }, (_, i) => group.slice(i * most, (i + 1) * most)),
  );
}

function addressKind(address: string): "plain" | "non-ascii" | "unspeakable" {
  // Brackets in a quoted local part. nodemailer takes no such address, lest it end the command early.
  if (/[<>\r\n]/.test(address)) return "unspeakable";
  return isAsciiText(address) ? "plain" : "non-ascii";
}

export type Fit =
  /** `changed`: what had to be changed in the message, in a few words. */
  { kind: "fits"; mail: Mail; changed?: string } | { kind: "unfit"; failure: Failure };

export function fitFor(message: Message, to: string[], offers: Offers): Fit {
  const kinds = new Set([message.from, ...to].map(addressKind));
  if (kinds.has("unspeakable")) return unfit("5.1.3", "the relay does not send addresses with angle brackets in them");
  if (kinds.has("non-ascii") && !offers.smtputf8) {
    return unfit("5.6.7", "an address is not in ASCII, and the host does not take that (SMTPUTF8)");
  }
  const head = headOf(message.data);
  const isHeadAscii = isAscii(head);
  // A client may announce SMTPUTF8 for mail that does not need it; then any host will do. RFC 6531 section 3.4.
  const wantsUtf8 = kinds.has("non-ascii") || (message.smtputf8 && !isHeadAscii);
  const smtputf8 = wantsUtf8 && offers.smtputf8;
  const isEightBit = !isAscii(message.data);
  // A host with SMTPUTF8 takes 8-bit text, whether it says so or not. RFC 6531 section 3.1.
  const takesEightBit = offers.eightBit || smtputf8;
  const lacks = {
    // Without SMTPUTF8 announced, an 8-bit header is old mail, and goes as its text does.
    utf8Header: !isHeadAscii && (message.smtputf8 ? !offers.smtputf8 : !takesEightBit),
    eightBitBody: isEightBit && !takesEightBit,
  };
  const fitting = fittingData(message.data, lacks);
  if (fitting.kind === "unfit") return fitting;
  const { data, changed } = fitting;
  if (offers.maxSizeBytes !== undefined && data.length > offers.maxSizeBytes) {
    return unfit("5.3.4", `the message has ${data.length} bytes, the host takes ${offers.maxSizeBytes}`);
  }
  const mail = {
    from: message.from,
    to,
    data,
    smtputf8,
    eightBit: offers.eightBit && (data === message.data ? isEightBit : !isAscii(data)),
    ...(message.dsn !== undefined && offers.dsn === true ? { dsn: message.dsn } : {}),
  };
  return changed === undefined ? { kind: "fits", mail } : { kind: "fits", mail, changed };
}

/** Changed only where it must be: a change breaks signatures. */
function fittingData(
  message: Buffer,
  lacks: Lacks,
): { kind: "fits"; data: Buffer; changed?: string } | { kind: "unfit"; failure: Failure } {
  const isLong = !hasShortLines(message);
  if (!lacks.utf8Header && !lacks.eightBitBody && !isLong) return { kind: "fits", data: message };
  const conversion = convertMessage(message, lacks);
  if (conversion.kind === "impossible") return unfitText(conversion.what);
  const changed = [
    ...(lacks.utf8Header ? ["header put into ASCII"] : []),
    ...(lacks.eightBitBody ? ["8-bit text encoded"] : []),
    ...(isLong ? ["lines of more than 998 bytes encoded"] : []),
  ];
  const isSigned = readEntity(message).fields.some(({ name }) => name === "dkim-signature");
  const words = [...changed, ...(isSigned ? ["its DKIM signature does not hold any more"] : [])];
  return { kind: "fits", data: conversion.data, changed: words.join("; ") };
}

/** RFC 3463 section 3.7. */
function unfitText(what: "header" | "body") {
  return what === "header"
    ? unfit("5.6.7", "the header has parts that cannot be said in ASCII, and the host takes nothing else (SMTPUTF8)")
    : unfit(
        "5.6.3",
        "the host does not take 8-bit text (8BITMIME) or lines so long, and the message cannot be converted",
      );
}

function headOf(data: Buffer): Buffer {
  const end = data.indexOf("\r\n\r\n");
  return end === -1 ? data : data.subarray(0, end);
}

const unfit = (status: Failure["status"], detail: string) =>
  ({ kind: "unfit", failure: { kind: "failed", status, detail, cause: "does-not-fit" } }) as const;
