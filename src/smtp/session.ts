/**
 * One SMTP session with a host. Opening ends before MAIL FROM, with the facts
 * that the handshake proved: nothing of a message is sent until the caller has
 * judged them.
 * RFC 5321, RFC 3207 (STARTTLS).
 */
import type { SecureContext } from "node:tls";
import { type HandshakeFacts, judge } from "../tls/verdict.ts";
import { Connection } from "./connection.ts";
import { describeFailure, loginFailure, type SetupFailure } from "./failure.ts";
import { createTransactions, type Transactions } from "./transaction.ts";

export type SessionTarget = {
  /** The MX host name: SNI, and the name that the certificate must have. An address, bare or in brackets, is neither. */
  host: string;
  /** The address to connect to, checked before. */
  address: string;
  port: number;
  /** Address of ours to connect from. */
  sourceAddress?: string;
  /** TLS from the first byte (RFC 8314), instead of STARTTLS. */
  implicitTls?: boolean;
};

export type SessionLimits = {
  /** From connecting to the end of the handshake; once more for a login. */
  setupTimeoutMs: number;
  /** Waiting for the reply to a command. RFC 5321 section 4.5.3.2. */
  commandTimeoutMs: number;
  /** Waiting while the message is sent and for the reply to it. */
  dataTimeoutMs: number;
};

export type OpenOptions = {
  /**
   * `require`: STARTTLS is sent even where it is not offered (somebody may have
   * taken the offer away), and the session ends without it. `try`: where it is
   * offered. `never`: not at all.
   */
  starttls: "require" | "try" | "never";
  secureContext: SecureContext;
  /** Our own name, for EHLO. */
  hostname: string;
  limits: SessionLimits;
  login?: { user: string; password: string };
  signal?: AbortSignal;
};

export type Session = Transactions & {
  readonly target: SessionTarget;
  readonly facts: HandshakeFacts;
  readonly contact?: Contact;
  /** What the handshake was made with: the facts are worth what this lets through. */
  readonly secureContext: SecureContext;
  /** What the host offers after the handshake. RFC 1869. */
  readonly offers: Offers;
  /** The session has ended, or must not be used again. */
  readonly closed: boolean;
  /** Says QUIT, and closes. */
  quit(): void;
  close(): void;
};

export type Offers = {
  eightBit: boolean;
  smtputf8: boolean;
  maxSizeBytes?: number;
  /** It sends the reports that a sender asks for, or hands the wish on. RFC 3461. */
  dsn?: true;
};

/** What the connection tells of both its ends, for reports. */
export type Contact = {
  /** The address of ours that it came from. */
  localAddress?: string;
  /** What the host called itself in its greeting: a stranger's text. */
  helo?: string;
};

export type OpenResult =
  | { kind: "open"; session: Session }
  | { kind: "failed"; failure: SetupFailure; contact?: Contact };

/** Connects, says EHLO, secures the session as asked. Never throws for what the host or the network does. */
export async function openSession(target: SessionTarget, options: OpenOptions): Promise<OpenResult> {
  const connection = new Connection(target, options);
  const failed = (await setUp(connection, options)) ?? (await logIn(connection, options));
  if (failed !== undefined) {
    connection.close();
    return { kind: "failed", failure: failed, contact: connection.contact };
  }
  return { kind: "open", session: sessionOver(connection, target, options) };
}

const NOT_OFFERED: SetupFailure = { phase: "starttls", detail: "it does not offer STARTTLS" };
const DROPPED: SetupFailure = { phase: "ehlo", detail: "it dropped the connection" };

async function setUp(connection: Connection, options: OpenOptions): Promise<SetupFailure | undefined> {
  try {
    await settle(connection, options, (done) => connection.connect(done));
  } catch (error) {
    const failure = describeFailure(error, connection.phase);
    return failure.phase === "starttls" && !connection.starttlsOffered ? NOT_OFFERED : failure;
  }
  return connection.gone ? DROPPED : undefined;
}

async function logIn(connection: Connection, options: OpenOptions): Promise<SetupFailure | undefined> {
  if (options.login === undefined) return undefined;
  const { user, password: pass } = options.login;
  // The last guard before a password leaves, whatever the caller asked for. The dates were looked at just now.
  const facts = connection.facts();
  const verdict = judge({ tls: "verified" }, facts, 0);
  if (verdict.kind === "fallsShort") {
    const detail = `${verdict.reason}, so the password is not sent`;
    return { phase: facts.secured ? "handshake" : "starttls", detail };
  }
  try {
    await settle(connection, options, (done) => connection.login({ credentials: { user, pass } }, done));
  } catch (error) {
    return loginFailure(error);
  }
  return connection.gone ? DROPPED : undefined;
}

/** Runs one step of the set-up; the error event, the time limit or the signal end it. */
function settle(
  connection: Connection,
  options: OpenOptions,
  step: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  const { signal, limits } = options;
  return new Promise<void>((resolve, reject) => {
    const end = (error?: Error | null) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
      connection.removeListener("error", end);
      connection.on("error", ignoreLateError);
      if (error) reject(error);
      else resolve();
    };
    const timer = setTimeout(() => end(coded("ETIMEDOUT")), limits.setupTimeoutMs);
    const aborted = () => end(coded("ABORTED"));
    if (signal?.aborted) return aborted();
    signal?.addEventListener("abort", aborted, { once: true });
    connection.once("error", end);
    step(end);
  });
}

const coded = (code: string) => Object.assign(new Error(code), { code });

/** An error after the step that it could concern: the next transaction finds the session closed. */
function ignoreLateError(): void {}

function sessionOver(connection: Connection, target: SessionTarget, options: OpenOptions): Session {
  const facts = connection.facts();
  const offers = connection.offers();
  const transactions = createTransactions(connection, offers, options.limits);
  const { contact } = connection;
  const known = { target, facts, contact, secureContext: options.secureContext, offers, ...transactions };
  return Object.assign(new ConnectionState(connection), known);
}

/** A class: V8 keeps an object with a getter of its own, and what that refers to, as memory that is old. */
class ConnectionState {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get closed(): boolean {
    return this.#connection.gone;
  }

  quit(): void {
    this.#connection.quit();
  }

  close(): void {
    this.#connection.close();
  }
}
