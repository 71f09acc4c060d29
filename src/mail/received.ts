/**
 * The trace field a relay puts on top of each message it takes.
 * RFC 5321 section 4.4; RFC 3848 and RFC 6531 section 4.3 for the word after `with`.
 */
import { isIPv6 } from "node:net";
import type { Domain } from "../dns/answer.ts";
import { mailDate } from "./date.ts";

export type Trace = {
  /** What the client called itself in EHLO or HELO: a stranger's text. */
  clientName: string;
  /** The address it came from. */
  clientAddress: string;
  protocol: Protocol;
  /** Absent on a connection in clear. */
  tls?: { version: string; cipher: string };
  hostname: Domain;
  /** The queue id. */
  id: string;
  /** All recipients. They are named only when there is but one: no recipient may learn of another here. */
  to: string[];
  receivedAt: number;
};

export type Protocol = {
  /** EHLO, not HELO. */
  extended: boolean;
  tls: boolean;
  authenticated: boolean;
  /** The client announced SMTPUTF8 for this message. */
  smtputf8: boolean;
};

/** The registered word. Plain SMTP has no word for TLS: the comment tells it. */
export function protocolWord(protocol: Protocol): string {
  if (!protocol.extended) return "SMTP";
  const security = (protocol.tls ? "S" : "") + (protocol.authenticated ? "A" : "");
  return (protocol.smtputf8 ? "UTF8SMTP" : "ESMTP") + security;
}

const MAX_COLUMNS = 78;

/** The field with its CRLF, folded where lines would be longer than 78 columns. RFC 5322 section 2.1.1. */
export function receivedField(trace: Trace): string {
  const tls = trace.tls && `(${cleanWord(trace.tls.version)} ${cleanWord(trace.tls.cipher)})`;
  const only = trace.to.length === 1 ? `for <${trace.to[0]}>` : undefined;
  return fold([
    `Received: from ${cleanName(trace.clientName)}`,
    `(${addressLiteral(trace.clientAddress)})`,
    `by ${trace.hostname}`,
    `with ${protocolWord(trace.protocol)}`,
    ...(tls === undefined ? [] : [tls]),
    ...(only === undefined ? [`id ${trace.id};`] : [`id ${trace.id}`, `${only};`]),
    mailDate(trace.receivedAt),
  ]);
}

/** Joins the pieces with a space, or with a fold where the line would grow too long. */
function fold(pieces: string[]): string {
  const lines: string[] = [];
  for (const piece of pieces) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + piece.length <= MAX_COLUMNS)
      lines[lines.length - 1] = `${line} ${piece}`;
    else lines.push(lines.length === 0 ? piece : `\t${piece}`);
  }
  return `${lines.join("\r\n")}\r\n`;
}

/** `[192.0.2.1]` or `[IPv6:2001:db8::1]`. RFC 5321 section 4.1.3. */
function addressLiteral(address: string): string {
  return `[${isIPv6(address) ? "IPv6:" : ""}${address.replace(/%.*$/, "")}]`;
}

/**
 * The client chooses this text: a line break would add a header field, a
 * parenthesis forge the comment that holds its true address.
 */
function cleanName(name: string): string {
  return name.slice(0, 255).replaceAll(/[^\w.:[\]-]/g, "?") || "unknown";
}

const cleanWord = (word: string) => word.replaceAll(/[^\w.-]/g, "?");
