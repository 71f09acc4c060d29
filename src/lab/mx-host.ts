/**
 * An MX host of the lab: a real SMTP server on its own loopback address, which
 * behaves as told and records every byte it is sent.
 */
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Issued } from "./authority.ts";
import { listenOn } from "./loopback-server.ts";
import type { MxBehaviour } from "./mx-behaviour.ts";
import type { MxSession } from "./mx-record.ts";
import { serveMxSession } from "./mx-session.ts";

export type ReceivedMessage = {
  /** `""` is the null sender. */
  from: string;
  /** The recipients that were accepted. */
  to: string[];
  /** As sent, dots unstuffed. */
  data: Buffer;
  /** The protocol it came under; `undefined`: in clear. */
  tls: string | undefined;
  receivedAt: number;
};

export type MxHost = {
  name: string;
  address: string;
  /** It listens at `::1` as well: asked for, and this machine has it. */
  ipv6: boolean;
  port: number;
  sessions: MxSession[];
  messages: ReceivedMessage[];
  /** Changes how it behaves from now on, and cuts open sessions, as a restart would. Parts not named stay. */
  behave(change: MxBehaviour): void;
  /** Resolves once the condition holds; it is looked at whenever something has happened here. */
  until(condition: (host: MxHost) => boolean, timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

const UNTIL_LIMIT_MS = 10_000;

export async function startMxHost(options: {
  /** A loopback address. */
  host: string;
  /** 0 for a free one. */
  port: number;
  /** Listens on the same port of `::1` too, where there is one. */
  ipv6?: boolean;
  name: string;
  behaviour?: MxBehaviour;
  /** Needed wherever a handshake is to succeed. */
  certificate?: Issued;
}): Promise<MxHost> {
  const watchers = new Set<() => void>();
  let behaviour = options.behaviour ?? {};
  let secureContext = contextFor(behaviour, options.certificate);

  const changed = () => {
    for (const watcher of watchers) watcher();
  };
  const serve = (socket: Socket) => {
    const session = serveMxSession(socket, {
      name: options.name,
      behaviour,
      secureContext,
      changed,
      taken: (message, { tls }) => {
        host.messages.push({ ...message, tls: tls?.protocol, receivedAt: Date.now() });
      },
    });
    host.sessions.push(session);
    changed();
  };
  // Replies are small and many: with delay each would wait for the ack of the one before.
  const open = () => createServer({ noDelay: true }, serve);
  const main = await listenOn(open(), options);
  const ipv6 = options.ipv6 === true ? await listenIfPossible(open(), { host: "::1", port: main.port }) : undefined;

  const close = async () => {
    await Promise.all([main.close(), ipv6?.close()]);
  };
  const host: MxHost = {
    address: main.address,
    ipv6: ipv6 !== undefined,
    port: main.port,
    name: options.name,
    sessions: [],
    messages: [],
    behave(change) {
      behaviour = { ...behaviour, ...change };
      secureContext = contextFor(behaviour, options.certificate);
      main.cut();
      ipv6?.cut();
    },
    until: (condition, timeoutMs = UNTIL_LIMIT_MS) =>
      new Promise((resolve, reject) => {
        const end = (settle: () => void) => {
          watchers.delete(look);
          clearTimeout(timer);
          settle();
        };
        const look = () => {
          if (condition(host)) end(resolve);
        };
        const timer = setTimeout(
          () => end(() => reject(new Error(`${options.name}: not so within ${timeoutMs} ms: ${summary(host)}`))),
          timeoutMs,
        );
        watchers.add(look);
        look();
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
  return host;
}

/** Containers often have no IPv6, and another lab may have the port of the one address there is. */
async function listenIfPossible(server: Server, at: { host: string; port: number }) {
  try {
    return await listenOn(server, at);
  } catch {
    return undefined;
  }
}

function contextFor({ tls }: MxBehaviour, certificate: Issued | undefined): SecureContext {
  return createSecureContext({
    minVersion: tls?.minVersion ?? "TLSv1.2",
    maxVersion: tls?.maxVersion ?? "TLSv1.3",
    // TLS 1.0 and 1.1 sign with SHA-1, which OpenSSL refuses at its usual level.
    ciphers: "DEFAULT@SECLEVEL=0",
    ...(certificate ? { cert: certificate.certPem, key: certificate.keyPem } : {}),
  });
}

function summary(host: MxHost): string {
  return `${host.sessions.length} sessions, ${host.messages.length} messages`;
}
