/**
 * Why a session could not be opened, in our own words: the phase it broke in
 * decides what follows, and an exception's text is no matter for a report.
 */
import type { HandshakeFacts } from "../tls/verdict.ts";
import { type Reply, readReply } from "./reply.ts";

export type SetupFailure = {
  phase: "connect" | "greeting" | "ehlo" | "starttls" | "handshake" | "login";
  /** In plain words, to follow on "mx1.example.com: …". */
  detail: string;
  /** What the server said, where it said something. */
  reply?: Reply;
};

/** What nodemailer's connection tells of an error. */
type ConnectionError = {
  code?: unknown;
  originalCode?: unknown;
  command?: unknown;
  response?: unknown;
  timeoutType?: unknown;
};

/** @param upgrading the TLS handshake was under way when it happened. */
export function describeFailure(error: unknown, upgrading: boolean): SetupFailure {
  const { code, originalCode, command, response, timeoutType } = (error ?? {}) as ConnectionError;
  const reply = typeof response === "string" ? readReply(response) : undefined;
  const said = reply === undefined ? {} : { reply };
  if (code === "ABORTED") return { phase: "connect", detail: "the relay is stopping" };
  if (code === "ETLS" && command === "STARTTLS") {
    return { phase: "starttls", detail: `it refused STARTTLS${quote(reply)}`, ...said };
  }
  if (upgrading || timeoutType === "UPGRADE_TIMEOUT")
    return { phase: "handshake", detail: handshakeWords(originalCode ?? code) };
  if (timeoutType === "GREETING_TIMEOUT") return { phase: "greeting", detail: "it did not greet in time" };
  if (command === "EHLO" || command === "HELO")
    return { phase: "ehlo", detail: `it refused EHLO${quote(reply)}`, ...said };
  if (reply !== undefined) return { phase: "greeting", detail: `it greeted with${quote(reply)}`, ...said };
  return connectWords(code, originalCode);
}

/** For a login that must not go over what the handshake proved. */
export function handshakeFailure(facts: HandshakeFacts): SetupFailure {
  return facts.secured
    ? { phase: "handshake", detail: "its certificate cannot be verified, so the password is not sent" }
    : { phase: "starttls", detail: facts.detail };
}

function connectWords(code: unknown, originalCode: unknown): SetupFailure {
  switch (originalCode ?? code) {
    case "ECONNREFUSED":
      return { phase: "connect", detail: "it refuses connections" };
    case "ETIMEDOUT":
      return { phase: "connect", detail: "no connection in time" };
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
      return { phase: "connect", detail: "no route to it from here" };
    case "ECONNRESET":
    case "EPIPE":
    case "ECONNECTION":
      return { phase: "ehlo", detail: "it dropped the connection before any command was answered" };
    default:
      return { phase: "ehlo", detail: `the session could not be set up (${word(originalCode ?? code)})` };
  }
}

function handshakeWords(code: unknown): string {
  switch (code) {
    case "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION":
    case "ERR_SSL_UNSUPPORTED_PROTOCOL":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return `the TLS handshake failed: no common version, TLS 1.2 is the least (${word(code)})`;
    case "ETIMEDOUT":
      return "the TLS handshake did not end in time";
    default:
      return `the TLS handshake failed (${word(code)})`;
  }
}

const word = (code: unknown) => (typeof code === "string" && /^[\w-]{1,80}$/.test(code) ? code : "no code");

const quote = (reply: Reply | undefined) => (reply === undefined ? "" : `: "${reply.text}"`);
