/**
 * One address the relay takes mail on. RFC 5321, RFC 6409; RFC 3207 (STARTTLS),
 * RFC 8314 (implicit TLS).
 */
import type { SMTPServerOptions } from "smtp-server";
import type { Domain } from "../dns/answer.ts";
import { createMessageIds, type MessageIds } from "../mail/message-id.ts";
import type { Events } from "../observe/events.ts";
import type { Enqueue } from "./accept.ts";
import { assertUsable, type Certificate } from "./certificate.ts";
import type { Patience } from "./connection.ts";
import { createHooks, type HookParts } from "./hooks.ts";
import { type ByteBudget, createAdmission } from "./limits.ts";
import { replyLine } from "./reply.ts";
import type { IntakeRules } from "./rules.ts";
import { RelayServer } from "./server.ts";

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
  rules: () => IntakeRules;
  /** Memory for arriving messages, shared with the other listeners of the process. */
  budget: ByteBudget;
  /** For the whole text of a message. */
  dataTimeoutMs: number;
  /** How long the queue may take over a message before the client is answered 451. */
  enqueueTimeoutMs: number;
  events: Pick<Events, "accepted" | "submissionRefused" | "loginFailed" | "fault">;
  /** What goes wrong on single connections, handshakes that fail among it: of interest only to who looks for it. */
  debug: (what: { client: string | undefined; err: Error }) => void;
  enqueue: Enqueue;
  now: () => number;
  /** Default: with a mark of their own. */
  ids?: Pick<MessageIds, "next">;
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
  const rules = rulesOf(options);
  const hooks = createHooks(hookParts(options, rules, (session) => server.connectionOf(session)));
  const server: RelayServer = new RelayServer(Object.assign(serverOptions(options, rules), hooks), {
    admission: createAdmission(() => rules().limits),
    patience: () => patienceOf(rules()),
    loginOffered: () => rules().login !== undefined,
    onRefused: (client, reply) => options.events.submissionRefused({ client, reply: replyLine(reply) }),
  });
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

/** A TLS handshake is a few packets: a tenth of the time for a command is plenty, but not on a slow line that was given little. */
const LEAST_HANDSHAKE_MS = 1_000;

/** A client that is at work says something sooner. */
const MAKES_WAY_AFTER_MS = 5_000;

/** Sendmail's jokes and the commands by which a proxy speaks for others have no place here. */
const NEVER = ["WIZ", "SHELL", "KILL", "XCLIENT", "XFORWARD"];

/** Passwords are not taken in clear: where there is no TLS, nobody can log in. RFC 4954 section 4. */
function rulesOf({ tls, rules }: ListenerOptions): () => IntakeRules {
  if (tls !== "none") return rules;
  let from: IntakeRules | undefined;
  let made: IntakeRules | undefined;
  return () => {
    const now = rules();
    if (made === undefined || from !== now) {
      const { login: _, ...others } = now;
      [from, made] = [now, others];
    }
    return made;
  };
}

/** Beside the recipients of a message there are few commands; twice as many leaves room for what is refused. */
function patienceOf({ idleTimeoutMs, sessionTimeoutMs, maxRecipients }: IntakeRules): Patience {
  return {
    commandMs: idleTimeoutMs,
    handshakeMs: Math.min(idleTimeoutMs, Math.max(idleTimeoutMs / 10, LEAST_HANDSHAKE_MS)),
    sessionMs: sessionTimeoutMs,
    commands: 100 + 2 * maxRecipients,
    makesWayAfterMs: Math.min(idleTimeoutMs / 2, MAKES_WAY_AFTER_MS),
  };
}

/** Not to be spread: what may change is read when it is needed. */
function serverOptions(options: ListenerOptions, rules: () => IntakeRules): SMTPServerOptions {
  return {
    name: options.hostname,
    heloResponse: "%s",
    secure: options.tls === "implicit",
    ...options.certificate,
    minVersion: "TLSv1.2",
    get size() {
      return rules().maxMessageBytes;
    },
    rejectOversized: true,
    disabledCommands: options.tls === "starttls" ? NEVER : [...NEVER, "STARTTLS"],
    hideENHANCEDSTATUSCODES: false,
    hideDSN: false,
    // trust.ts decides who must log in.
    authOptional: true,
    authMethods: ["PLAIN", "LOGIN"],
    disableReverseLookup: true,
    get socketTimeout() {
      return rules().idleTimeoutMs;
    },
    logger: false,
  };
}

function hookParts(
  options: ListenerOptions,
  rules: () => IntakeRules,
  connectionOf: HookParts["connectionOf"],
): HookParts {
  const { hostname, budget, dataTimeoutMs, enqueue, enqueueTimeoutMs, events, now, ids = createMessageIds() } = options;
  return {
    hostname,
    rules,
    accept: { enqueue, enqueueTimeoutMs, events, now, ids },
    dataTimeoutMs,
    budget,
    connectionOf,
    events,
  };
}
