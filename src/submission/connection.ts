/**
 * smtp-server's connection, where it falls short: it greets late, offers AUTH in
 * clear, rewrites domains, and has replies and enhanced codes of its own.
 * What is overridden here is upstream's inside; test/submission/upstream.test.ts
 * fails when upstream changes it.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { SMTPServer } from "smtp-server";
import { SMTPConnection, type SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import { skipPlainText } from "./plain-text.ts";
import { takeTextIn } from "./text-input.ts";
import { type Reply, replyText } from "./reply.ts";

type ParsedAddress = ReturnType<SMTPConnection["_parseAddressCommand"]>;
type CommandHandler = NonNullable<ReturnType<SMTPConnection["_getHandler"]>>;

/** By the name of the command: the methods of `RelayConnection`. */
const handlers = new Map<string, CommandHandler>();

const SHUTTING_DOWN = "4.3.2 Service shutting down";

/** Upstream's texts that need another enhanced code, or other words. */
const REWORDED = new Map([
  ["Server shutting down", SHUTTING_DOWN],
  // RFC 5321 section 3.5.3.
  ["Try to send something. No promises though", "2.5.2 Cannot VRFY, but will take the message"],
]);

const MAKE_WAY: Reply = { code: 421, status: "4.7.0", text: "Idle while others wait for a connection" };

/** Upstream's words when its own idle time is over. */
const TOO_SLOW = "Timeout - closing connection";

const ENHANCED_CODE = /^[245]\.\d{1,3}\.\d{1,3} /;

/** How long a session may go on. Upstream's idle time alone begins anew with each byte that trickles in. */
export type Patience = {
  /** For the next command to be complete. */
  commandMs: number;
  /** For a TLS handshake. */
  handshakeMs: number;
  /** Without a message being taken. */
  sessionMs: number;
  /** Commands without a message being taken. */
  commands: number;
  /** How long idle until it makes way for another, when all connections are taken. */
  makesWayAfterMs: number;
};

export class RelayConnection extends SMTPConnection {
  /** Called when the connection has closed, perhaps more than once. Listeners on the socket do not live through STARTTLS. */
  whenClosed: (() => void) | undefined;

  readonly #patience: Patience;
  readonly #loginOffered: () => boolean;
  readonly #commandTimer: NodeJS.Timeout;
  #handshakeTimer: NodeJS.Timeout | undefined;
  #gone: AbortController | undefined;
  #commands = 0;
  /** By the clock that is never set back: of the connection's start or its last message, and of its latest command. */
  #fruitfulAt = performance.now();
  #heardAt = performance.now();

  constructor(
    server: SMTPServer,
    socket: Socket | TLSSocket,
    options: SMTPConnectionOptions | null | undefined,
    bounds: { patience: Patience; loginOffered: () => boolean },
  ) {
    super(server, socket, options);
    this.#patience = bounds.patience;
    this.#loginOffered = bounds.loginOffered;
    if (this._parser) {
      takeTextIn(this._parser);
      skipPlainText(this._parser);
    }
    this.#commandTimer = setTimeout(() => this.#tooSlow(), bounds.patience.commandMs).unref();
  }

  /** Aborts when the connection has closed. */
  get gone(): AbortSignal {
    this.#gone ??= new AbortController();
    if (this._closed) this.#gone.abort();
    return this.#gone.signal;
  }

  /** A client that hands in mail may stay. */
  tookMessage(): void {
    this.#fruitfulAt = performance.now();
    this.#commands = 0;
  }

  /** How long it has said nothing while nothing was going on; 0 while something is. */
  get idleMs(): number {
    const inside = this._upgrading || this._closing || Boolean(this.session.envelope?.mailFrom);
    return inside || this.#busy ? 0 : performance.now() - this.#heardAt;
  }

  get #busy(): boolean {
    return this._handlerPending || Boolean(this._dataStream);
  }

  #tooSlow(): void {
    if (this._closing || this._closed) return;
    // While we have the word, and within a message, which has limits of its own, the client does not owe us a command.
    if (this.#busy) this.#commandTimer.refresh();
    else this.send(421, TOO_SLOW);
  }

  override _onCommand(command: Buffer, callback: () => void): void {
    const now = performance.now();
    this.#heardAt = now;
    this.#commandTimer.refresh();
    this.#commands += 1;
    const { sessionMs, commands } = this.#patience;
    if (now - this.#fruitfulAt > sessionMs) return this.send(421, "4.4.2 Session is too long without a message");
    if (this.#commands > commands) return this.send(421, "4.7.0 Too many commands without a message");
    super._onCommand(command, callback);
  }

  override upgrade(callback: () => void, secureCallback?: () => void): void {
    // Not on a socket under a handshake: ended here, it is destroyed by upstream's own deadline.
    const tooSlow = () => (this._upgrading ? this.close() : undefined);
    this.#handshakeTimer = setTimeout(tooSlow, this.#patience.handshakeMs).unref();
    super.upgrade(callback, secureCallback);
  }

  // Upstream asks three times for each command, and each time puts the name of a method together.
  override _isSupported(command: string): boolean {
    return !this._isDisabled(command) && this._getHandler(command) !== undefined;
  }

  override _getHandler(command: string): CommandHandler | undefined {
    const known = handlers.get(command);
    if (known !== undefined) return known;
    const found = super._getHandler(command);
    if (found !== undefined) handlers.set(command, found);
    return found;
  }

  // Who may log in can change while the listener runs.
  override _isDisabled(command: string): boolean {
    return (command === "AUTH" && !this.#loginOffered()) || super._isDisabled(command);
  }

  override _onClose(): void {
    clearTimeout(this.#commandTimer);
    clearTimeout(this.#handshakeTimer);
    super._onClose();
    this.#gone?.abort();
    this.whenClosed?.();
  }

  // Upstream waits 100 ms here to catch clients that talk first. That caps a client
  // with one message for each connection at ten messages a second.
  override init(): void {
    this._setListeners(() => this.connectionReady());
  }

  // Upstream adds an enhanced code to every text; ours have theirs already. RFC 2034 section 3.
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    // The client has the word: from now on it is its time that passes.
    this.#commandTimer.refresh();
    if (Array.isArray(data)) {
      // The EHLO reply. Passwords are not taken in clear, so AUTH is not offered. RFC 4954 section 4.
      super.send(
        code,
        data.filter((line) => this.secure || !line.startsWith("AUTH ")),
        context,
      );
    } else {
      const text = REWORDED.get(data ?? "") ?? data;
      super.send(code, text, ENHANCED_CODE.test(text ?? "") ? false : context);
    }
    if (this._server._closeTimeout !== false) setImmediate(() => this.dismiss());
  }

  override handler_AUTH(command: Buffer, callback: () => void): void {
    if (this.secure) return super.handler_AUTH(command, callback);
    // RFC 4954 section 6; the code is from the IANA registry of enhanced codes.
    this.send(538, "5.7.11 Encryption required for authentication");
    callback();
  }

  // Upstream gives A-labels as Unicode. Not each one comes back the same: `xn--bucher-xyd`
  // would be `xn--bcher-kva`, another domain. So the domain is taken as the client wrote it.
  override _parseAddressCommand(name: string, command: Buffer | string): ParsedAddress {
    const parsed = super._parseAddressCommand(name, command);
    if (parsed === false) return false;
    const domain = /@([^@<>]*)>/.exec(command.toString())?.[1];
    const at = parsed.address.lastIndexOf("@");
    if (at === -1 || domain === undefined) return parsed;
    return { ...parsed, address: `${parsed.address.slice(0, at)}@${domain}` };
  }

  // parameters.ts judges them all, by what is announced.
  override _validateMailParams(): null {
    return null;
  }

  /** Of the TLS session; `undefined` in clear. */
  tlsFacts(): { version: string; cipher: string } | undefined {
    if (!this.secure || this.tlsOptions === false) return undefined;
    return { version: (this._socket as TLSSocket).getProtocol() ?? "unknown", cipher: this.tlsOptions.standardName };
  }

  /** A last word, then the end, whatever the client is doing. */
  hangUp(reply: Reply): void {
    this.send(reply.code, replyText(reply));
    this.close();
  }

  /** Ends an idle session so that another may begin. */
  makeWay(): Reply {
    this.hangUp(MAKE_WAY);
    this._socket.destroySoon();
    return MAKE_WAY;
  }

  /** Ends the session if it waits for the client to speak; what it is in the middle of is finished first. RFC 5321 section 3.8. */
  dismiss(): void {
    const busy = this._handlerPending || this._upgrading || Boolean(this._dataStream);
    if (!busy && !this._closing) this.send(421, SHUTTING_DOWN);
  }
}
