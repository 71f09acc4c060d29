/**
 * Why a session could not be opened, in our own words: the phase it broke in
 * decides what follows, and an exception's text is no matter for a report.
 */
import { type Reply, readReply } from "./reply.ts";

/** How far the set-up had come. */
export type SetupPhase = "connect" | "greeting" | "ehlo" | "handshake";

export type SetupFailure = {
  phase: SetupPhase | "starttls" | "login";
  /** In plain words, to follow on "mx1.example.com: …". */
  detail: string;
  /** What the server said, where it said something. */
  reply?: Reply;
};

/** What nodemailer's connection tells of an error: `originalCode` is the system's or OpenSSL's. */
type ConnectionError = { code?: unknown; originalCode?: unknown; command?: unknown; response?: unknown };

/** The machine has no way to the address, often because it has no IPv6: no fault of the host. */
export const NO_ROUTE = "no route to it from here";

/** The relay stops, or the time for the attempt is over: no fault of the host. */
const BROKEN_OFF: SetupFailure = { phase: "connect", detail: "the attempt was broken off" };

/** @param at how far the set-up had come when it happened */
export function describeFailure(error: unknown, at: SetupPhase): SetupFailure {
  const { code, originalCode, command } = (error ?? {}) as ConnectionError;
  const reply = replyIn(error);
  const said = reply === undefined ? {} : { reply };
  if (code === "ABORTED") return BROKEN_OFF;
  if (code === "ETLS" && command === "STARTTLS") {
    return { phase: "starttls", detail: `it refused STARTTLS${quote(reply)}`, ...said };
  }
  if (command === "EHLO" || command === "HELO")
    return { phase: "ehlo", detail: `it refused EHLO${quote(reply)}`, ...said };
  if (reply !== undefined) return { phase: "greeting", detail: `it greeted with${quote(reply)}`, ...said };
  const cause = originalCode ?? code;
  // TLS from the first byte is still connecting while its handshake goes on.
  if (at === "handshake" || word(cause).startsWith("ERR_SSL_")) {
    return { phase: "handshake", detail: handshakeWords(cause) };
  }
  return cause === "ETIMEDOUT" ? { phase: at, detail: lateWords(at) } : connectWords(cause);
}

/** For what happened between the login and its reply. */
export function loginFailure(error: unknown): SetupFailure {
  const { code } = (error ?? {}) as ConnectionError;
  const reply = replyIn(error);
  if (code === "ABORTED") return BROKEN_OFF;
  if (reply !== undefined) return { phase: "login", detail: `it refused the login${quote(reply)}`, reply };
  const what = code === "ETIMEDOUT" ? "it did not answer in time" : "it dropped the connection";
  return { phase: "login", detail: `${what} when we logged in` };
}

function replyIn(error: unknown): Reply | undefined {
  const { response } = (error ?? {}) as ConnectionError;
  return typeof response === "string" ? readReply(response) : undefined;
}

function lateWords(at: SetupPhase): string {
  switch (at) {
    case "connect":
      return "no connection in time";
    case "handshake":
      return "the TLS handshake did not end in time";
    case "greeting":
      return "it did not greet in time";
    case "ehlo":
      return "it did not answer in time";
  }
}

function connectWords(cause: unknown): SetupFailure {
  switch (cause) {
    case "ECONNREFUSED":
      return { phase: "connect", detail: "it refuses connections" };
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
      return { phase: "connect", detail: NO_ROUTE };
    case "ECONNRESET":
    case "EPIPE":
    case "ECONNECTION":
      return { phase: "ehlo", detail: "it dropped the connection before any mail command" };
    default:
      return { phase: "ehlo", detail: `the session could not be set up (${word(cause)})` };
  }
}

function handshakeWords(cause: unknown): string {
  switch (cause) {
    case "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION":
    case "ERR_SSL_UNSUPPORTED_PROTOCOL":
      return `the TLS handshake failed: no common version, TLS 1.2 is the least (${word(cause)})`;
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return `the TLS handshake failed: what came in its place is not TLS (${word(cause)})`;
    case "ETIMEDOUT":
      return lateWords("handshake");
    case "ECONNRESET":
    case "EPIPE":
    case "ECONNECTION":
    case "ETLS":
      return "it dropped the connection in the TLS handshake";
    default:
      return `the TLS handshake failed (${word(cause)})`;
  }
}

const word = (code: unknown) => (typeof code === "string" && /^[\w-]{1,80}$/.test(code) ? code : "no code");

const quote = (reply: Reply | undefined) => (reply === undefined ? "" : `: "${reply.text}"`);
