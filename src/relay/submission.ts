/**
 * The accepting half of the relay: listeners over the queue, and their certificate.
 */
import { X509Certificate } from "node:crypto";
import { unwatchFile, watchFile } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Config } from "../config/config.ts";
import type { Events } from "../observe/events.ts";
import type { Logger } from "../observe/log.ts";
import type { MailQueue } from "../store/mail-queue.ts";
import { createByteBudget } from "../submission/limits.ts";
import { type Certificate, type Listener, startListener } from "../submission/listener.ts";
import { createLogin } from "../submission/login.ts";
import { createTrust } from "../submission/trust.ts";
import { EXIT_UNAVAILABLE, StartError } from "./start-error.ts";

export type Submission = {
  addresses: { host: string; port: number; tls: "starttls" | "implicit" | "none" }[];
  reload(): Promise<void>;
};

type Parts = { config: Config; queue: Pick<MailQueue, "add">; events: Events; log: Logger };

/** Memory for messages that are arriving: room for ten of the largest, at least 256 MiB. */
const budgetBytes = (maxMessageBytes: number) => Math.max(10 * maxMessageBytes, 256 * 1024 * 1024);

/** RFC 5321 section 4.5.3.2.5: three minutes for each block; a whole message may take longer. */
const DATA_TIMEOUT_MS = 10 * 60_000;

/** How often the certificate's file is looked at. */
const LOOK_EVERY_MS = 30_000;

/** Starts every listener, or none. What it starts, `stack` stops. */
export async function startSubmission(parts: Parts, stack: AsyncDisposableStack): Promise<Submission> {
  const { config, events } = parts;
  const files = config.submission.certificate;
  const certificate = files === undefined ? undefined : await readCertificate(files);
  const options = listenerOptions(parts, certificate);
  const listeners: Listener[] = [];
  const addresses: Submission["addresses"] = [];
  for (const { host, port, tls } of config.submission.listeners) {
    const listener = await open({ ...options, host, port, tls });
    stack.defer(() => listener.close(config.shutdown.graceMs));
    listeners.push(listener);
    addresses.push({ host: listener.address, port: listener.port, tls });
  }
  const reload = async () => {
    if (files !== undefined)
      await renew(
        files,
        listeners.filter((_, i) => addresses[i]?.tls !== "none"),
        events,
      );
  };
  if (files !== undefined) watchCertificate(files.certFile, reload, stack);
  return { addresses, reload };
}

async function open(options: Parameters<typeof startListener>[0]): Promise<Listener> {
  try {
    return await startListener(options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(`cannot listen on ${options.host}:${options.port}: ${why}`, EXIT_UNAVAILABLE, { cause });
  }
}

function listenerOptions({ config, queue, events, log }: Parts, certificate: Certificate | undefined) {
  const { submission, retry, redis } = config;
  return {
    hostname: config.hostname,
    maxMessageBytes: submission.maxMessageSizeBytes,
    maxRecipients: submission.maxRecipients,
    maxReceived: submission.maxReceivedHeaders,
    bareLineEndings: submission.bareLineEndings,
    allowAddressLiterals: submission.allowAddressLiterals,
    limits: { connections: submission.maxConnections, connectionsPerClient: submission.maxConnectionsPerClient },
    budget: createByteBudget(budgetBytes(submission.maxMessageSizeBytes)),
    trust: createTrust(submission.trustedNetworks),
    idleTimeoutMs: submission.idleTimeoutMs,
    dataTimeoutMs: DATA_TIMEOUT_MS,
    // Beyond the limit for one command: the queue answers by then, and knows why.
    enqueueTimeoutMs: redis.commandTimeoutMs + 1000,
    events,
    debug: ({ client, err }: { client: string | undefined; err: Error }) =>
      log.debug({ client, err }, "client connection"),
    enqueue: (message: Parameters<MailQueue["add"]>[0]) => queue.add(message, { lifetimeMs: retry.lifetimeMs }),
    now: Date.now,
    ...(certificate === undefined ? {} : { certificate }),
    ...(submission.users.length === 0 ? {} : { login: createLogin({ users: submission.users, now: Date.now }) }),
  };
}

type CertificateFiles = { certFile: string; keyFile: string };

async function readCertificate({ certFile, keyFile }: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
  return { cert, key };
}

/** A new certificate that cannot be used leaves the old one in place. */
async function renew(files: CertificateFiles, listeners: Listener[], events: Events): Promise<void> {
  try {
    const certificate = await readCertificate(files);
    const expiresAt = new Date(new X509Certificate(certificate.cert).validTo).toISOString();
    for (const listener of listeners) listener.updateCertificate(certificate);
    events.certificateLoaded({ file: files.certFile, expiresAt });
  } catch (error) {
    events.certificateUnreadable({
      file: files.certFile,
      detail: error instanceof Error ? error.message : String(error),
    });
  }
}

function watchCertificate(file: string, reload: () => Promise<void>, stack: AsyncDisposableStack): void {
  const look = () => void reload();
  watchFile(file, { persistent: false, interval: LOOK_EVERY_MS }, look);
  stack.defer(() => unwatchFile(file, look));
}
