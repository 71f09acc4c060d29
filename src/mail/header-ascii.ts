/**
 * A header field that is not ASCII, as one that is: names and free text as
 * encoded words, parameters in their own encoding, domains as A-labels.
 * RFC 2047, RFC 2231, RFC 5890. What cannot be said in ASCII, stays unsaid: RFC 6857.
 */
import { isAscii, isUtf8 } from "node:buffer";
import addressparser from "nodemailer/lib/addressparser";
import { buildHeaderValue, encodeWord, parseHeaderValue, quoteString } from "nodemailer/lib/mime-funcs";
import { toDomain } from "../dns/name.ts";
import { brokenLines } from "./line-length.ts";
import { type Field, textOf } from "./mime-entity.ts";

const ADDRESSES =
  /^(?:resent-)?(?:from|sender|reply-to|to|cc|bcc)$|^(?:disposition-notification-to|return-receipt-to|errors-to)$/;
const PARAMETERS = new Set(["content-type", "content-disposition"]);
/** Made of tokens for programs. An encoded word would be none of them. */
const TOKENS =
  /^(?:(?:resent-)?(?:message-id|date)|in-reply-to|references|return-path|mime-version|content-(?:id|transfer-encoding))$/;
/** Of servers before us: for those who trace a message, or void by now. */
const TRACES = /^(?:received|authentication-results|received-spf|dkim-signature|arc-.*)$/;

/** `undefined`: it has no form in ASCII, like an address with a local part that is not. */
export function asciiField(field: Field): Field | undefined {
  if (isAscii(field.raw)) return field;
  const raw = field.raw.toString("latin1");
  const name = raw.slice(0, Math.max(raw.indexOf(":"), 0));
  const value = asciiValue(field);
  return value === undefined || !isAscii(Buffer.from(value))
    ? undefined
    : { name: field.name, raw: foldedField(`${name}: ${value}\r\n`) };
}

function asciiValue(field: Field): string | undefined {
  const { name, raw } = field;
  if (name === "" || TOKENS.test(name)) return undefined;
  if (TRACES.test(name)) return textOf(field).replaceAll(/[^\t -~]/gu, "?");
  if (!isUtf8(raw)) return unknownBytes(raw);
  if (ADDRESSES.test(name)) return asciiAddresses(textOf(field));
  if (PARAMETERS.has(name)) return buildHeaderValue(parseHeaderValue(textOf(field)));
  return asciiWords(textOf(field));
}

/** From the first to the last word that is not ASCII; those around stay readable. */
function asciiWords(text: string): string {
  const [, before = "", middle = text, after = ""] =
    /^((?:\p{ASCII}*[ \t])?)(.*[^\p{ASCII}][^ \t]*)(.*)$/su.exec(text) ?? [];
  return `${before}${encoded(middle)}${after}`;
}

function asciiAddresses(text: string): string | undefined {
  const written = addressparser(text).map((each) => {
    if (!("group" in each) || each.group === undefined) return asciiMailbox(each);
    const members = each.group.map((member) => ("address" in member ? asciiMailbox(member) : undefined));
    return members.includes(undefined) ? undefined : `${phrase(each.name)}: ${members.join(", ")};`;
  });
  return written.includes(undefined) ? undefined : written.join(",\r\n ");
}

function asciiMailbox({ name, address = "" }: { name: string; address?: string | undefined }): string | undefined {
  const at = address.lastIndexOf("@");
  const localPart = address.slice(0, Math.max(at, 0));
  const written = address.slice(at + 1);
  const domain = isAscii(Buffer.from(written)) ? written : toDomain(written);
  if (domain === undefined || !isAscii(Buffer.from(localPart))) return undefined;
  const path = at === -1 ? domain : `${localPart}@${domain}`;
  return name === "" ? path : `${phrase(name)} <${path}>`;
}

function phrase(name: string): string {
  if (!isAscii(Buffer.from(name))) return encoded(name);
  return /^[\w !#$%&'*+/=?^`{|}~-]+$/.test(name) ? name : quoteString(name);
}

const LONGEST_WORD = 60;

/** One encoded word to a line, where it takes several. RFC 2047 section 2. */
const encoded = (text: string) => encodeWord(text, "Q", LONGEST_WORD).replaceAll("?= =?", "?=\r\n =?");

/** Bytes of which nobody said what they mean. RFC 1428 section 3. */
function unknownBytes(raw: Buffer): string {
  const value = Buffer.from(
    raw
      .toString("latin1")
      .replace(/^[^:]*:\s*/, "")
      .replaceAll("\r\n", ""),
    "latin1",
  );
  const escaped = Array.from(value, (byte) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9]/.test(char) ? char : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  });
  const words: string[] = [""];
  for (const piece of escaped) {
    const last = words.length - 1;
    if ((words[last] ?? "").length + piece.length > LONGEST_WORD - 17) words.push(piece);
    else words[last] += piece;
  }
  return words.map((word) => `=?unknown-8bit?Q?${word}?=`).join("\r\n ");
}

/** A long field is broken before white space, which does not change what it says (RFC 5322 section 2.2.3); else anywhere. */
export function foldedField(field: string): Buffer {
  const lines = field
    .split("\r\n")
    .map((line) => (line.length <= 900 ? line : line.replaceAll(/(.{500,900}?)(?=[ \t]\S)/g, "$1\r\n")));
  return brokenLines(Buffer.from(lines.join("\r\n"), "latin1"), "\r\n ");
}
