/**
 * The accepting half of the relay: listeners over the queue.
 */
import type { Config } from "../config/config.ts";
import type { MessageIds } from "../mail/message-id.ts";
import type { Events } from "../observe/events.ts";
import type { Logger } from "../observe/log.ts";
import type { StoreConnection } from "../store/connection.ts";
import type { MailQueue } from "../store/mail-queue.ts";
import { createByteBudget } from "../submission/limits.ts";
import { type Certificate, type Listener, startListener } from "../submission/listener.ts";
import { followIntakeRules } from "./intake-rules.ts";
import { readCertificate, renewCertificate, watchCertificate } from "./listener-certificate.ts";
import { EXIT_UNAVAILABLE, StartError } from "./start-error.ts";

export type Submission = {
  addresses: { host: string; port: number; tls: "starttls" | "implicit" | "none" }[];
  /** Reads the certificate again, from the files that the settings name now. */
  renewCertificate(): Promise<void>;
};

export type SubmissionParts = {
  live: () => Config;
  connection: StoreConnection;
  queue: Pick<MailQueue, "add">;
  ids: Pick<MessageIds, "next">;
  events: Events;
  log: Logger;
};

/** Memory for messages that are arriving: room for ten of the largest, at least 256 MiB. */
const budgetBytes = (maxMessageBytes: number) => Math.max(10 * maxMessageBytes, 256 * 1024 * 1024);

/** RFC 5321 section 4.5.3.2.5: three minutes for each block; a whole message may take longer. */
const DATA_TIMEOUT_MS = 10 * 60_000;

/** Starts every listener, or none. What it starts, `stack` stops. */
export async function startSubmission(parts: SubmissionParts, stack: AsyncDisposableStack): Promise<Submission> {
  const { live, events } = parts;
  const files = () => live().submission.certificate;
  const first = files();
  const certificate = first === undefined ? undefined : await readCertificate(first);
  const options = listenerOptions(parts, certificate);
  const listeners: Listener[] = [];
  const addresses: Submission["addresses"] = [];
  // All at once: one after the other, each would have a grace of its own.
  stack.defer(async () => {
    await Promise.all(listeners.map((listener) => listener.close(live().shutdown.graceMs)));
  });
  for (const { host, port, tls } of live().submission.listeners) {
    const listener = await open({ ...options, host, port, tls });
    listeners.push(listener);
    addresses.push({ host: listener.address, port: listener.port, tls });
  }
  const withTls = listeners.filter((_, i) => addresses[i]?.tls !== "none");
  const renew = async () => {
    const now = files();
    if (now !== undefined) await renewCertificate(now, withTls, events);
  };
  let watch = watchFiles(files, renew);
  stack.defer(() => watch?.[Symbol.dispose]());
  return {
    addresses,
    renewCertificate: async () => {
      watch?.[Symbol.dispose]();
      watch = watchFiles(files, renew);
      await renew();
    },
  };
}

function watchFiles(files: () => Config["submission"]["certificate"], renew: () => Promise<void>) {
  const now = files();
  return now === undefined ? undefined : watchCertificate(now, () => void renew());
}

async function open(options: Parameters<typeof startListener>[0]): Promise<Listener> {
  try {
    return await startListener(options);
  } catch (cause) {
    const why = isTaken(cause) ? "EADDRINUSE: another program has it" : messageOf(cause);
    throw new StartError(`cannot listen on ${options.host}:${options.port}: ${why}`, EXIT_UNAVAILABLE, { cause });
  }
}

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));

const isTaken = (cause: unknown) => cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";

function listenerOptions(parts: SubmissionParts, certificate: Certificate | undefined) {
  const { live, connection, queue, ids, events, log } = parts;
  const { hostname, redis } = live();
  return {
    hostname,
    rules: followIntakeRules(live, connection),
    budget: createByteBudget(() => budgetBytes(live().submission.maxMessageSizeBytes)),
    dataTimeoutMs: DATA_TIMEOUT_MS,
    // Beyond the limit for one command: the queue answers by then, and knows why.
    enqueueTimeoutMs: redis.commandTimeoutMs + 1000,
    ids,
    events,
    debug: ({ client, err }: { client: string | undefined; err: Error }) =>
      log.debug({ client, err }, "client connection"),
    enqueue: (message: Parameters<MailQueue["add"]>[0]) => queue.add(message, { lifetimeMs: live().retry.lifetimeMs }),
    now: Date.now,
    ...(certificate === undefined ? {} : { certificate }),
  };
}
