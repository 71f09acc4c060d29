/**
 * smtp-server's connection, where it falls short: it greets late, offers AUTH in
 * clear, rewrites domains, and has replies and enhanced codes of its own.
 * What is overridden here is upstream's inside; test/submission/upstream.test.ts
 * fails when upstream changes it.
 */
import type { TLSSocket } from "node:tls";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import { type Reply, replyText } from "./reply.ts";

type ParsedAddress = ReturnType<SMTPConnection["_parseAddressCommand"]>;

const SHUTTING_DOWN = "4.3.2 Service shutting down";

/** Upstream's texts that need another enhanced code, or other words. */
const REWORDED = new Map([
  ["Server shutting down", SHUTTING_DOWN],
  // RFC 5321 section 3.5.3.
  ["Try to send something. No promises though", "2.5.2 Cannot VRFY, but will take the message"],
]);

const ENHANCED_CODE = /^[245]\.\d{1,3}\.\d{1,3} /;

export class RelayConnection extends SMTPConnection {
  /** Called when the connection has closed, perhaps more than once. Listeners on the socket do not live through STARTTLS. */
  whenClosed: (() => void) | undefined;

  override _onClose(): void {
    super._onClose();
    this.whenClosed?.();
  }

  // Upstream waits 100 ms here to catch clients that talk first. That caps a client
  // with one message for each connection at ten messages a second.
  override init(): void {
    this._setListeners(() => this.connectionReady());
  }

  // Upstream adds an enhanced code to every text; ours have theirs already. RFC 2034 section 3.
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
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

  /** Ends the session if it waits for the client to speak; what it is in the middle of is finished first. RFC 5321 section 3.8. */
  dismiss(): void {
    const busy = this._handlerPending || this._upgrading || Boolean(this._dataStream);
    if (!busy && !this._closing) this.send(421, SHUTTING_DOWN);
  }
}
