/**
 * smtp-server with limits at the door and an end that leaves no connection behind.
 */
import { once } from "node:events";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from "smtp-server";
import type { SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import { PassingMap, PassingObjectMap, PassingSet } from "../memory/passing.ts";
import { type Patience, RelayConnection } from "./connection.ts";
import type { Admission } from "./limits.ts";
import { type Reply, replyLine } from "./reply.ts";

/** How long a client that is turned away may take to read why. */
const TURNED_AWAY_MS = 1000;

export type Door = {
  admission: Admission;
  patience: () => Patience;
  loginOffered: () => boolean;
  onRefused: (client: string, reply: Reply) => void;
};

export class RelayServer extends SMTPServer {
  readonly #door: Door;
  /** By the id of its session. */
  readonly #open = new PassingMap<string, RelayConnection>();
  readonly #turnedAway = new Set<Socket>();
  readonly #leave = new WeakMap<Socket, () => void>();

  #drained: Promise<void> | undefined;
  #accepted = 0;

  constructor(options: SMTPServerOptions, door: Door) {
    super(options);
    this.connections = new PassingSet();
    this._pendingSockets = new PassingObjectMap();
    this.#door = door;
  }

  connectionOf(session: SMTPServerSession): RelayConnection | undefined {
    return this.#open.get(session.id);
  }

  // The first thing upstream does with a socket: here it has cost nothing yet, not even a TLS handshake.
  override _acceptSocket(socket: Socket, handshake: boolean): (() => void) | false {
    const client = socket.remoteAddress;
    if (client === undefined) {
      socket.destroy();
      return false;
    }
    const admitted = this.#admit(client);
    if (admitted.kind === "refused") {
      this.#turnAway(socket, handshake ? undefined : admitted.reply);
      this.#door.onRefused(client, admitted.reply);
      return false;
    }
    this.#leave.set(socket, admitted.leave);
    socket.once("close", admitted.leave);
    return super._acceptSocket(socket, handshake);
  }

  /** With all connections taken, the session that has been idle longest makes way: who holds many must not shut out the rest. */
  #admit(client: string): ReturnType<Admission["enter"]> {
    const answer = this.#door.admission.enter(client);
    if (answer.kind === "admitted" || answer.why === "client") return answer;
    let idlest: RelayConnection | undefined;
    let idleMs = this.#door.patience().makesWayAfterMs;
    for (const connection of this.#open.values()) {
      if (connection.idleMs > idleMs) [idlest, idleMs] = [connection, connection.idleMs];
    }
    if (idlest === undefined) return answer;
    this.#door.onRefused(idlest.remoteAddress, idlest.makeWay());
    idlest.whenClosed?.();
    return this.#door.admission.enter(client);
  }

  // Upstream's limit on a handshake begins anew with each byte. The TLS socket is ended, not
  // the one below it: that, in the middle of a handshake, would crash Node.
  override _upgrade(socket: Socket, callback: (err: Error | null, tlsSocket?: TLSSocket) => void): void {
    const tooSlow = () => this._pendingSockets.get(socket)?.destroy();
    const timer = setTimeout(tooSlow, this.#door.patience().handshakeMs).unref();
    super._upgrade(socket, (err, tlsSocket) => {
      clearTimeout(timer);
      const leave = this.#leave.get(socket);
      if (tlsSocket !== undefined && leave !== undefined) this.#leave.set(tlsSocket, leave);
      callback(err, tlsSocket);
    });
  }

  // Upstream looks for the PROXY protocol, which is not spoken here, and asks the kernel for a random number for its log.
  override _handleProxy(_socket: Socket, callback: (err: Error | null, options?: { id: string }) => void): void {
    this.#accepted += 1;
    const id = String(this.#accepted);
    setImmediate(() => callback(null, { id }));
  }

  // As upstream's, with our connection in the place of its own.
  override connect(socket: Socket | TLSSocket, options?: SMTPConnectionOptions | null): void {
    if (this._closeTimeout !== false) {
      socket.destroy();
      return;
    }
    const { patience, loginOffered } = this.#door;
    const connection = new RelayConnection(this, socket, options, { patience: patience(), loginOffered });
    this.connections.add(connection);
    this.#open.set(connection.id, connection);
    connection.on("error", (err: Error) => this._onError(err));
    connection.whenClosed = () => {
      this.#leave.get(socket)?.();
      this.#open.delete(connection.id);
    };
    connection.init();
  }

  async start(port: number, host: string): Promise<{ address: string; port: number }> {
    this.listen({ port, host });
    await once(this.server, "listening");
    const bound = this.server.address();
    if (bound === null || typeof bound === "string") throw new Error("not listening on an address");
    return bound;
  }

  /** Takes no more, lets messages that are arriving come in until `graceMs` have passed, then cuts what is left. */
  drain(graceMs: number): Promise<void> {
    this.#drained ??= this.#drain(graceMs);
    return this.#drained;
  }

  async #drain(graceMs: number): Promise<void> {
    // 0 would mean upstream's default of 30 s.
    this.options.closeTimeout = Math.max(1, graceMs);
    const closed = new Promise<void>((resolve) => {
      this.server.once("close", resolve);
    });
    const endedOrLate = new Promise<void>((resolve) => {
      this.close(resolve);
    });
    for (const connection of this.#open.values()) connection.dismiss();
    await endedOrLate;
    for (const socket of this.#turnedAway) socket.destroy();
    for (const connection of this.#open.values()) connection._socket.destroy();
    await closed;
  }

  /** Without a reply where TLS comes first: nothing can be said in clear there. */
  #turnAway(socket: Socket, reply: Reply | undefined): void {
    socket.on("error", () => {});
    if (reply === undefined) {
      socket.destroy();
      return;
    }
    this.#turnedAway.add(socket);
    const deadline = setTimeout(() => socket.destroy(), TURNED_AWAY_MS);
    socket.once("close", () => {
      clearTimeout(deadline);
      this.#turnedAway.delete(socket);
    });
    // Read and dropped: data left unread would turn the close into a reset, and the reply be lost with it.
    socket.resume();
    socket.end(`${replyLine(reply)}\r\n`);
  }
}
