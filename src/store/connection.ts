/**
 * Connections to Redis, of two tempers.
 *
 * Impatient: for accepting mail and for policies. While Redis is away it
 * rejects at once, while Redis hangs after a time limit. The usual client
 * would queue the command instead and run it later, after the SMTP client has
 * been told 451.
 *
 * Patient: for workers. It waits for Redis to be back, so that a result that
 * was had from a remote host is not forgotten.
 */
import { readFile } from "node:fs/promises";
import { Redis } from "ioredis";
import { type ClientOptions, describeTarget, redisAddress, type RedisTarget } from "./redis-target.ts";
import { StoreError } from "./store-error.ts";

export type ConnectOptions = {
  /** `caFile` is read once, at the start. Only with a `rediss://` URL. */
  target: { url: string; caFile?: string } | { socketPath: string };
  /** How long one command of the impatient connection may take. Default: 5,000. */
  commandTimeoutMs?: number;
  /** How long to wait for Redis at the start. Default: 15,000. */
  readyTimeoutMs?: number;
  /** Called once for each change. */
  onState: (state: "ready" | "lost", detail: string) => void;
};

export type StoreConnection = {
  /**
   * The impatient connection. Body and jobs of a message go over this one and no
   * other: on two connections a worker got jobs whose body was not there yet.
   */
  redis: Redis;
  /** Where Redis is, without the credentials. */
  where: string;
  /** Opens a patient connection. Who opens it ends it. */
  openPatient(): PatientConnection;
  close(): Promise<void>;
};

export type PatientConnection = {
  redis: Redis;
  /** Ends it, also while Redis is away: commands that wait reject. Duplicates that BullMQ made try no further. */
  end(): Promise<void>;
};

/** How long a patient connection may be silent while a command waits. BullMQ's own waits take 10 seconds at most. */
const patientSocketTimeoutMs = 30_000;

/**
 * Resolves when Redis has answered. Rejects with a `StoreError` when it has not in
 * time or refuses the credentials, with an `Error` for a URL that cannot be read.
 */
export async function connect(options: ConnectOptions): Promise<StoreConnection> {
  const target = await withCertificates(options.target);
  const address = redisAddress(target);
  const where = describeTarget(target);
  const timeoutMs = options.commandTimeoutMs ?? 5_000;
  const impatient = openEndable({
    ...address,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    // Beside the limit for each command: a hung connection is given up, or the
    // bodies of all further messages would pile up in its socket buffer.
    socketTimeout: timeoutMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  });
  const report = reportState(impatient.redis, options.onState);
  try {
    await firstReady(impatient.redis, options.readyTimeoutMs ?? 15_000, report.lastError, where);
  } catch (err) {
    report.stop();
    await impatient.end();
    throw err;
  }
  return {
    redis: impatient.redis,
    where,
    openPatient: () =>
      openEndable({
        ...address,
        connectTimeout: timeoutMs,
        maxRetriesPerRequest: null,
        socketTimeout: patientSocketTimeoutMs,
      }),
    close: async () => {
      report.stop();
      await impatient.end();
    },
  };
}

async function withCertificates(target: ConnectOptions["target"]): Promise<RedisTarget> {
  if ("socketPath" in target || target.caFile === undefined) return target;
  return { url: target.url, caPem: await readFile(target.caFile, "utf8") };
}

/**
 * A client that can be ended in any state. ioredis alone cannot: `disconnect()`
 * between two tries stops the next try, but the commands that wait stay
 * pending for ever. So the next try is let happen, and made the last one.
 */
function openEndable(options: ClientOptions): PatientConnection {
  let ending = false;
  const redis = new Redis({
    ...options,
    retryStrategy: (times) => (ending ? null : Math.min(25 * 2 ** times, 1_000)),
  });
  redis.on("error", () => {
    // Each try that fails; the loss has been reported once, by `onState`.
  });
  const end = async () => {
    ending = true;
    if (redis.status === "end") return;
    const ended = new Promise<void>((resolve) => redis.once("end", resolve));
    if (redis.status === "reconnecting") redis.once("connect", () => redis.disconnect());
    else redis.disconnect();
    await ended;
  };
  return { redis, end };
}

/** Tells changes, once each, until stopped: the wish to end is no loss. Keeps what the latest error was. */
function reportState(redis: Redis, onState: ConnectOptions["onState"]) {
  let state: "ready" | "lost" | undefined;
  let stopped = false;
  let lastError: Error | undefined;
  const change = (next: "ready" | "lost", detail: string) => {
    if (state === next || stopped) return;
    state = next;
    onState(next, detail);
  };
  redis.on("error", (err) => {
    lastError = err;
  });
  redis.on("ready", () => {
    lastError = undefined;
    change("ready", "Redis answers");
  });
  redis.on("close", () => change("lost", lastError?.message ?? "the connection was closed"));
  return {
    lastError: () => lastError,
    stop: () => {
      stopped = true;
    },
  };
}

function firstReady(redis: Redis, timeoutMs: number, lastError: () => Error | undefined, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (err?: StoreError) => {
      clearTimeout(timer);
      redis.off("ready", onReady);
      redis.off("error", onError);
      if (err === undefined) resolve();
      else reject(err);
    };
    const refuse = (detail: string, cause?: Error) =>
      settle(new StoreError("unavailable", `Redis at ${where}: ${detail}`, cause));
    const onReady = () => settle();
    // Waiting longer does not mend a wrong password.
    const onError = (err: Error) => {
      if (/^(WRONGPASS|NOAUTH|NOPERM|ERR invalid password|ERR DB index)/.test(err.message)) refuse(err.message, err);
    };
    const timer = setTimeout(() => {
      const err = lastError();
      refuse(`no answer within ${timeoutMs / 1_000} s${err === undefined ? "" : ` (${err.message})`}`, err);
    }, timeoutMs);
    redis.on("ready", onReady);
    redis.on("error", onError);
  });
}
