/**
 * nodemailer's connection, with what it does not tell by itself: what the
 * handshake proved, what the host offers, whether it has said anything.
 * RFC 5321, RFC 3207 (STARTTLS).
 *
 * Five methods of nodemailer's own use are overridden. Should one of them be
 * renamed, the tests of the session find out.
 */
import { isIP } from "node:net";
import type { TLSSocket } from "node:tls";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import type { HandshakeFacts } from "../tls/verdict.ts";
import type { SetupPhase } from "./failure.ts";
import { findBareLineEnding } from "../mail/content.ts";
import { asDataOf } from "./dot-stuffing.ts";
import { handshakeFacts } from "./handshake.ts";
import type { Contact, Offers, OpenOptions, SessionTarget } from "./session.ts";

/** What nodemailer has and does not declare. */
type Internals = {
  _ehloLines?: string[];
  _remainder: string;
  _responseQueue: string[];
  _onData(chunk: Buffer): void;
  _sendCommand(command: string, logged?: string): void;
  _upgradeConnection(done: (error?: Error | null) => void): void;
  _createSendStream(done: SendDone): SendStream;
  _actionSMTPStream(reply: string, done: SendDone): void;
  _responseActions: ((reply: string) => void)[];
};

type SendDone = (error: Error | null | undefined, response?: string) => void;

/** As much of a stream as nodemailer uses of the one that it writes a message to. */
type SendStream = { outByteCount: number; write(data: Buffer): void; end(): void };

const upstream = SMTPConnection.prototype as unknown as Internals;

const QUIT_TIMEOUT_MS = 2000;

/** Parameters of MAIL and RCPT that nodemailer would not give, or not to each recipient its own. */
export type Announced = {
  /** Also with an envelope in ASCII: the header section may need it. RFC 6531 section 3.4. */
  smtputf8: boolean;
  mail: string[];
  rcpt: (address: string) => string[];
};

export class Connection extends SMTPConnection {
  /** For the transaction that is begun next. */
  announced: Announced | undefined;
  readonly #target: SessionTarget;
  #heard = 0;
  #injected = false;
  #starttlsOffered = false;

  constructor(target: SessionTarget, options: OpenOptions) {
    const { limits } = options;
    // SNI holds no address. RFC 6066 section 3.
    const servername = target.host.startsWith("[") || isIP(target.host) !== 0 ? {} : { servername: target.host };
    super({
      host: target.address,
      port: target.port,
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
        ...servername,
      },
      connectionTimeout: limits.setupTimeoutMs,
      greetingTimeout: limits.setupTimeoutMs,
      socketTimeout: Math.max(limits.commandTimeoutMs, limits.dataTimeoutMs),
      socketCloseTimeout: 1000,
      maxResponseSize: 64 * 1024,
      ...servername,
      ...(target.sourceAddress === undefined ? {} : { localAddress: target.sourceAddress }),
    });
    this.#target = target;
  }

  /** As it was when EHLO was first said; the socket forgets when it is closed. */
  contact: Contact = {};
  /** How often something has arrived: the same number twice means that the host said nothing in between. */
  get heard(): number {
    return this.#heard;
  }

  /** Ended, or about to: nothing more is sent. */
  get gone(): boolean {
    return this.destroyed || !this._socket || this._socket.destroyed || !this._socket.writable;
  }

  /** Bytes given to the connection are still on their way out. */
  get sending(): boolean {
    return Boolean(this._socket) && (this._socket as TLSSocket).writableLength > 0;
  }

  /** STARTTLS is sent also where it is not offered, when it is required: somebody may have taken the offer away. */
  get starttlsOffered(): boolean {
    return this.#starttlsOffered;
  }

  /** How far setting up has come. */
  get phase(): SetupPhase {
    if (this.upgrading === true) return "handshake";
    if (this.stage === "init") return "connect";
    return this.lastServerResponse === false ? "greeting" : "ehlo";
  }

  facts(): HandshakeFacts {
    if (!this.secure) {
      return this.options.ignoreTLS
        ? { secured: false, why: "not-tried", detail: "sent in the clear after TLS failed" }
        : { secured: false, why: "not-offered", detail: "it does not offer STARTTLS" };
    }
    return handshakeFacts(this._socket as TLSSocket, this.#target.host, this.#injected);
  }

  offers(): Offers {
    const lines = (this as unknown as Internals)._ehloLines ?? [];
    const keywords = new Map(lines.map((line) => split(line)));
    const size = Number(keywords.get("SIZE"));
    const offers: Offers = { eightBit: keywords.has("8BITMIME"), smtputf8: keywords.has("SMTPUTF8") };
    if (keywords.has("DSN")) offers.dsn = true;
    return size > 0 ? { ...offers, maxSizeBytes: size } : offers;
  }

  /** A host that never answers QUIT holds no connection, and the end of the process is not held up by one. */
  override quit(): void {
    super.quit();
    if (this._socket) this._socket.setTimeout(QUIT_TIMEOUT_MS).unref();
  }

  protected _onData(chunk: Buffer): void {
    this.#heard += 1;
    upstream._onData.call(this as unknown as Internals, chunk);
  }

  /** Every command passes here. */
  protected _sendCommand(command: string, logged?: string): void {
    // The latest reply is the one to EHLO.
    if (command === "STARTTLS")
      this.#starttlsOffered = /^(250[ -])?STARTTLS\s*$/im.test(String(this.lastServerResponse));
    if (command.startsWith("EHLO ") && this.contact.localAddress === undefined) this.contact = this.#meet();
    const whole = this.announced === undefined ? command : withParameters(command, this.announced);
    upstream._sendCommand.call(this as unknown as Internals, whole, logged);
  }

  /** `220 mx1.example.com ESMTP …`: the host's name is the first word. RFC 5321 section 4.2. */
  #meet(): Contact {
    const [, helo] = /^220[ -](\S+)/.exec(String(this.lastServerResponse)) ?? [];
    const localAddress = (this._socket as TLSSocket | undefined)?.localAddress;
    return { ...(localAddress === undefined ? {} : { localAddress }), ...(helo === undefined ? {} : { helo }) };
  }

  /**
   * What has come behind the reply to STARTTLS came in the clear. nodemailer
   * throws it away; that it was there must be known. RFC 3207 section 6.
   */
  protected _upgradeConnection(done: (error?: Error | null) => void): void {
    const internals = this as unknown as Internals;
    if (internals._remainder !== "" || internals._responseQueue.length > 0) this.#injected = true;
    upstream._upgradeConnection.call(internals, done);
  }

  /**
   * A message leaves in one piece, with the dot that ends it: one record of TLS
   * and one packet for a short one. nodemailer's own stream looks at each byte,
   * mends line endings on the way, and sends the dot by itself. A message
   * with something to mend goes through it as before.
   */
  protected _createSendStream(done: SendDone): SendStream {
    const internals = this as unknown as Internals;
    const stream: SendStream = {
      outByteCount: 0,
      write: (data) => {
        if (findBareLineEnding(data) !== -1 || data.at(-1) !== LF) {
          const mending = upstream._createSendStream.call(internals, done);
          mending.write(data);
          mending.end();
          return;
        }
        internals._responseActions.push((reply) => internals._actionSMTPStream(reply, done));
        const whole = asDataOf(data);
        stream.outByteCount = whole.length;
        (this._socket as TLSSocket).write(whole);
      },
      end: () => {},
    };
    return stream;
  }
}

const LF = 0x0a;

function withParameters(command: string, { smtputf8, mail, rcpt }: Announced): string {
  if (command.startsWith("MAIL FROM:")) {
    // nodemailer announces it by itself for a non-ASCII envelope.
    const lacksUtf8 = smtputf8 && !/>[^>]* SMTPUTF8( |$)/.test(command);
    return [command, ...(lacksUtf8 ? ["SMTPUTF8"] : []), ...mail].join(" ");
  }
  const [, address] = /^RCPT TO:<(.*)>$/.exec(command) ?? [];
  return address === undefined ? command : [command, ...rcpt(address)].join(" ");
}

function split(line: string): [string, string] {
  const [keyword = "", ...parameters] = line.split(" ");
  return [keyword.toUpperCase(), parameters.join(" ")];
}
