/**
 * One SMTP session with a host, over nodemailer's connection. Opening ends
 * before MAIL FROM, with the facts that the handshake proved: nothing of a
 * message is sent until the caller has judged them.
 * RFC 5321, RFC 3207 (STARTTLS).
 */
import type { SecureContext, TLSSocket } from "node:tls";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import type { HandshakeFacts } from "../tls/verdict.ts";
import { describeFailure, handshakeFailure, type SetupFailure } from "./failure.ts";
import { handshakeFacts } from "./handshake.ts";
import { createTransactions, type Transactions } from "./transaction.ts";

export type SessionTarget = {
  /** The MX host name: SNI, and the name that the certificate must have. */
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
  /** From connecting to the end of the handshake. */
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
  /** What the host offers after the handshake. RFC 1869. */
  readonly offers: Offers;
  /** The session has ended, or must not be used again. */
  readonly closed: boolean;
  /** Says QUIT, and closes. */
  quit(): void;
  close(): void;
};

export type Offers = { eightBit: boolean; smtputf8: boolean; maxSizeBytes?: number };

export type OpenResult = { kind: "open"; session: Session } | { kind: "failed"; failure: SetupFailure };

/** Connects, says EHLO, secures the session as asked. Never throws for what the host or the network does. */
export async function openSession(target: SessionTarget, options: OpenOptions): Promise<OpenResult> {
  const connection = new Connection(target, options);
  const failed = await setUp(connection, options);
  if (failed !== undefined) {
    connection.close();
    return { kind: "failed", failure: failed };
  }
  return { kind: "open", session: sessionOver(connection, target, options) };
}

async function setUp(connection: Connection, options: OpenOptions): Promise<SetupFailure | undefined> {
  try {
    await settle(connection, options, (done) => connection.connect(done));
  } catch (error) {
    return describeFailure(error, connection.upgrading || connection.secureConnection);
  }
  if (connection.destroyed) return { phase: "ehlo", detail: "the connection was closed" };
  if (options.login === undefined) return undefined;
  // The last guard before a password leaves: the caller asked for a login over verified TLS only.
  const facts = connection.facts();
  if (!facts.secured || facts.chainError !== undefined || !facts.namesHost) return handshakeFailure(facts);
  const { user, password } = options.login;
  try {
    await settle(connection, options, (done) => connection.login({ credentials: { user, pass: password } }, done));
  } catch (error) {
    return { ...describeFailure(error, false), phase: "login" };
  }
  return undefined;
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
    const timer = setTimeout(() => end(timeout()), limits.setupTimeoutMs);
    const aborted = () => end(Object.assign(new Error("aborted"), { code: "ABORTED" }));
    if (signal?.aborted) return aborted();
    signal?.addEventListener("abort", aborted, { once: true });
    connection.once("error", end);
    step(end);
  });
}

const timeout = () => Object.assign(new Error("timeout"), { code: "ETIMEDOUT", command: "CONN" });

/** An error after the step that it could concern: the next transaction finds the session closed. */
function ignoreLateError(): void {}

/** nodemailer's connection, with what it does not say by itself. */
class Connection extends SMTPConnection {
  readonly #target: SessionTarget;
  readonly #noticed: { injected: boolean };
  /** MAIL FROM is to carry SMTPUTF8, also with an envelope in ASCII: the header section may need it. RFC 6531 section 3.4. */
  announceSmtputf8 = false;

  constructor(target: SessionTarget, options: OpenOptions) {
    const noticed = { injected: false };
    super({
      host: target.address,
      port: target.port,
      servername: target.host,
      name: options.hostname,
      secure: target.implicitTls ?? false,
      requireTLS: options.starttls === "require" && !target.implicitTls,
      ignoreTLS: options.starttls === "never",
      // The chain and the name are judged from the facts, with the session still empty. A handshake
      // that is broken off here would not tell what was wrong with it.
      tls: {
        secureContext: options.secureContext,
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
        servername: target.host,
      },
      connectionTimeout: options.limits.setupTimeoutMs,
      greetingTimeout: options.limits.setupTimeoutMs,
      socketTimeout: Math.max(options.limits.commandTimeoutMs, options.limits.dataTimeoutMs),
      socketCloseTimeout: 1000,
      maxResponseSize: 64 * 1024,
      logger: injectionWatch(noticed),
      ...(target.sourceAddress === undefined ? {} : { localAddress: target.sourceAddress }),
    });
    this.#target = target;
    this.#noticed = noticed;
  }

  facts(): HandshakeFacts {
    if (!this.secure) {
      return this.options.ignoreTLS
        ? { secured: false, why: "not-tried", detail: "sent in the clear after TLS failed" }
        : { secured: false, why: "not-offered", detail: "it does not offer STARTTLS" };
    }
    return handshakeFacts(this._socket as TLSSocket, this.#target.host, this.#noticed.injected);
  }

  offers(): Offers {
    const keywords = new Map(this.#ehloLines().map((line) => split(line)));
    const size = Number(keywords.get("SIZE"));
    const offers: Offers = { eightBit: keywords.has("8BITMIME"), smtputf8: keywords.has("SMTPUTF8") };
    return size > 0 ? { ...offers, maxSizeBytes: size } : offers;
  }

  /** nodemailer announces SMTPUTF8 for a non-ASCII envelope only; every command passes here. */
  protected _sendCommand(command: string, logged?: string): void {
    const lacksIt = this.announceSmtputf8 && command.startsWith("MAIL FROM:") && !/ SMTPUTF8( |$)/.test(command);
    const upstream = SMTPConnection.prototype as unknown as {
      _sendCommand(this: SMTPConnection, command: string, logged?: string): void;
    };
    upstream._sendCommand.call(this, lacksIt ? `${command} SMTPUTF8` : command, logged);
  }

  #ehloLines(): string[] {
    return (this as unknown as { _ehloLines?: string[] })._ehloLines ?? [];
  }
}

function split(line: string): [string, string] {
  const [keyword = "", ...parameters] = line.split(" ");
  return [keyword.toUpperCase(), parameters.join(" ")];
}

/**
 * nodemailer throws plain text behind the reply to STARTTLS away, and says so
 * in its log with the number of bytes: that is where it can be noticed.
 */
function injectionWatch(noticed: { injected: boolean }) {
  const quiet = () => {};
  const warn = (entry: unknown) => {
    if (typeof entry === "object" && entry !== null && "discarded" in entry) noticed.injected = true;
  };
  return { trace: quiet, debug: quiet, info: quiet, warn, error: quiet, fatal: quiet };
}

function sessionOver(connection: Connection, target: SessionTarget, options: OpenOptions): Session {
  const facts = connection.facts();
  const offers = connection.offers();
  return {
    target,
    facts,
    offers,
    ...createTransactions(connection, offers, options.limits),
    get closed() {
      return connection.destroyed;
    },
    quit: () => connection.quit(),
    close: () => connection.close(),
  };
}
