/**
 * One address the relay takes mail on. RFC 5321, RFC 6409; RFC 3207 (STARTTLS),
 * RFC 8314 (implicit TLS).
 */
import { randomBytes } from "node:crypto";
import type { SMTPServerOptions } from "smtp-server";
import type { Domain } from "../dns/answer.ts";
import type { Events } from "../observe/events.ts";
import type { Enqueue } from "./accept.ts";
import { assertUsable, type Certificate } from "./certificate.ts";
import { createHooks } from "./hooks.ts";
import { type ByteBudget, type ConnectionLimits, createAdmission } from "./limits.ts";
import type { Login } from "./login.ts";
import { replyLine } from "./reply.ts";
import { RelayServer } from "./server.ts";
import type { Trust } from "./trust.ts";

export type { Certificate };

export type ListenerOptions = {
  host: string;
  /** 0 takes a free one. */
  port: number;
  tls: "starttls" | "implicit" | "none";
  /** Needed unless `tls` is `none`. */
  certificate?: Certificate;
  /** The relay's own name: in the greeting, Received and Message-ID. */
  hostname: Domain;
  maxMessageBytes: number;
  maxRecipients: number;
  /** A message with more Received fields is in a loop. */
  maxReceived: number;
  bareLineEndings: "refuse" | "normalise";
  allowAddressLiterals: boolean;
  limits: ConnectionLimits;
  /** Memory for arriving messages, shared with the other listeners of the process. */
  budget: ByteBudget;
  trust: Trust;
  /** Who may log in; absent when nobody may. Never offered without TLS. */
  login?: Login;
  /** How long a client may say nothing. RFC 5321 section 4.5.3.2.7: at least 5 minutes. */
  idleTimeoutMs: number;
  /** For the whole text of a message. */
  dataTimeoutMs: number;
  /** How long the queue may take over a message before the client is answered 451. */
  enqueueTimeoutMs: number;
  events: Pick<Events, "accepted" | "submissionRefused" | "loginFailed" | "fault">;
  /** What goes wrong on single connections, handshakes that fail among it: of interest only to who looks for it. */
  debug: (what: { client: string | undefined; err: Error }) => void;
  enqueue: Enqueue;
  now: () => number;
  /** Default: node:crypto's. */
  random?: (bytes: number) => Buffer;
};

export type Listener = {
  address: string;
  port: number;
  /** For connections from now on. Throws, and keeps the old one, when key and certificate cannot be used. */
  updateCertificate(certificate: Certificate): void;
  /** Takes no more connections at once; a message that is arriving may still come in for `graceMs`. */
  close(graceMs: number): Promise<void>;
};

/** Rejects when the address cannot be listened on, or the certificate cannot be used. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  if (options.tls !== "none") {
    if (options.certificate === undefined) throw new TypeError("TLS needs a certificate");
    assertUsable(options.certificate);
  }
  const server: RelayServer = new RelayServer(
    { ...serverOptions(options), ...createHooks(hookParts(options, (session) => server.connectionOf(session))) },
    {
      admission: createAdmission(options.limits),
      onRefused: (client, reply) => options.events.submissionRefused({ client, reply: replyLine(reply) }),
    },
  );
  server.on("error", (err: Error & { remoteAddress?: string }) => options.debug({ client: err.remoteAddress, err }));
  const bound = await server.start(options.port, options.host);
  server.server.on("error", (err) => options.events.fault({ where: "listener", err }));
  return {
    address: bound.address,
    port: bound.port,
    updateCertificate: (certificate) => {
      // First: smtp-server forgets the old context before it finds the new one unusable.
      assertUsable(certificate);
      server.updateSecureContext({ key: certificate.key, cert: certificate.cert });
    },
    close: (graceMs) => server.drain(graceMs),
  };
}

/** Sendmail's jokes and the commands by which a proxy speaks for others have no place here. */
const NEVER = ["WIZ", "SHELL", "KILL", "XCLIENT", "XFORWARD"];

function serverOptions(options: ListenerOptions): SMTPServerOptions {
  const disabled = [...NEVER];
  if (options.tls !== "starttls") disabled.push("STARTTLS");
  if (!loginOffered(options)) disabled.push("AUTH");
  return {
    name: options.hostname,
    heloResponse: "%s",
    secure: options.tls === "implicit",
    ...options.certificate,
    minVersion: "TLSv1.2",
    size: options.maxMessageBytes,
    rejectOversized: true,
    disabledCommands: disabled,
    hideENHANCEDSTATUSCODES: false,
    // trust.ts decides who must log in.
    authOptional: true,
    authMethods: ["PLAIN", "LOGIN"],
    disableReverseLookup: true,
    socketTimeout: options.idleTimeoutMs,
    logger: false,
  };
}

function hookParts(options: ListenerOptions, connectionOf: Parameters<typeof createHooks>[0]["connectionOf"]) {
  const { hostname, bareLineEndings, maxReceived, events, enqueue, now, trust } = options;
  return {
    accept: {
      rules: { hostname, bareLineEndings, maxReceived },
      limits: { maxBytes: options.maxMessageBytes, timeoutMs: options.dataTimeoutMs, budget: options.budget },
      enqueue,
      enqueueTimeoutMs: options.enqueueTimeoutMs,
      events,
      now,
      random: options.random ?? randomBytes,
    },
    addresses: { hostname, allowLiterals: options.allowAddressLiterals },
    maxRecipients: options.maxRecipients,
    trust,
    login: loginOffered(options) ? options.login : undefined,
    connectionOf,
    events,
  };
}

const loginOffered = (options: ListenerOptions) => options.login !== undefined && options.tls !== "none";
