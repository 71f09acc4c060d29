/**
 * A relay as a child process that can be killed and started again, with a DNS
 * of its own in which all domains lead to one sink.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startDnsServer } from "../../src/lab/dns-server.ts";
import { listenOn } from "../../src/lab/loopback-server.ts";
import { identityFile } from "../../src/store/server-process.ts";

const LAUNCHER = fileURLToPath(new URL("../../src/sts-relay.js", import.meta.url));

export type RelayProcess = {
  /** Where it takes mail: the same after each start. */
  port: number;
  pid(): number | undefined;
  /** Processes of the relay beside its first one, its Redis not among them. */
  helpers(): number[];
  /** Of the Redis that it runs itself. */
  redisPid(): number | undefined;
  /** Started again, as a service manager would, when it ends by itself: with its Redis killed while it starts, say. */
  start(): void;
  /** When that was: epoch milliseconds. */
  gaveUpAt: number[];
  /** Resolves when it has ended, to its exit code; `null`: killed. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
  /** All lines of its log so far that are JSON. */
  log(): { event?: string; level?: unknown; [key: string]: unknown }[];
};

export type RelaySettings = {
  dir: string;
  sink: { address: string; port: number };
  domains: string[];
  /** Default: the relay runs its own. */
  redisUrl?: string;
  /** Over the settings that are made here, section by section. */
  change?: Record<string, Record<string, unknown>>;
  logLevel?: string;
  /** Settings outside of sections. */
  work?: { role?: string; processes?: number };
};

/** What it starts, `stack` ends: the relay with SIGKILL if it still runs. */
export async function createRelayProcess(settings: RelaySettings, stack: AsyncDisposableStack): Promise<RelayProcess> {
  const { dir, sink, domains, redisUrl } = settings;
  const dns = stack.use(await startDnsServer({ host: "127.0.0.1" }));
  dns.set("mx.sink.test", "A", [sink.address]);
  for (const domain of [...domains, "sender.test"]) {
    dns.set(domain, "MX", [{ preference: 10, exchange: "mx.sink.test" }]);
  }
  const port = await freePort();
  const redisDir = join(dir, "redis");
  const base: Record<string, Record<string, unknown>> = {
    submission: { listeners: [{ host: "127.0.0.1", port }] },
    delivery: { port: sink.port },
    dns: { servers: [dns.address] },
    network: { allow: ["127.0.0.0/8"] },
    retry: { schedule: ["1s"] },
    redis: redisUrl === undefined ? { dir: redisDir, maxMemory: "1GiB" } : { url: redisUrl },
    log: { level: settings.logLevel ?? "warn", format: "json" },
  };
  for (const [section, values] of Object.entries(settings.change ?? {}))
    base[section] = { ...base[section], ...values };
  const configFile = join(dir, "relay.yaml");
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify({ hostname: "relay.test", ...settings.work, ...base }));
  const logFile = join(dir, "relay.log");

  let child: ChildProcess | undefined;
  const gaveUpAt: number[] = [];
  const wanted = new Set<ChildProcess>();
  const start = () => {
    const log = openSync(logFile, "a");
    const started = spawn(process.execPath, [LAUNCHER, "start", "--config", configFile], {
      cwd: dir,
      env: withoutSettings(process.env),
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    child = started;
    wanted.add(started);
    started.once("exit", () => {
      if (!wanted.delete(started)) return;
      gaveUpAt.push(Date.now());
      start();
    });
  };
  const kill = async (signal: NodeJS.Signals) => {
    const victim = child;
    if (victim !== undefined) wanted.delete(victim);
    if (victim === undefined || victim.exitCode !== null || victim.signalCode !== null) return victim?.exitCode ?? null;
    const ended = once(victim, "exit") as Promise<[number | null]>;
    victim.kill(signal);
    return (await ended)[0];
  };
  const helpers = () =>
    child?.pid === undefined ? [] : childrenOf(child.pid).filter((pid) => commandOf(pid).endsWith("/worker.ts"));
  stack.defer(async () => {
    const left = helpers();
    await kill("SIGKILL");
    for (const pid of left) tryToKill(pid);
    const pid = redisUrl === undefined ? readPid(redisDir) : undefined;
    if (pid !== undefined) tryToKill(pid);
  });
  return {
    port,
    pid: () => child?.pid,
    helpers,
    redisPid: () => readPid(redisDir),
    start,
    gaveUpAt,
    kill,
    log: () => readLog(logFile),
  };
}

async function freePort(): Promise<number> {
  const probe = await listenOn(createServer(), { host: "127.0.0.1", port: 0 });
  await probe.close();
  return probe.port;
}

/** Without the variables that would change its configuration, or make a test of it. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const foreign = /^(?:RELAY_|REDIS_URL$|NODE_TEST_CONTEXT$|NODE_OPTIONS$)/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !foreign.test(name)));
}

function readPid(redisDir: string): number | undefined {
  try {
    return (JSON.parse(readFileSync(identityFile(redisDir), "utf8")) as { pid?: number }).pid;
  } catch {
    // None runs, or it is being started.
    return undefined;
  }
}

/** The process may have ended by itself, or there may be none. */
export function tryToKill(pid: number | undefined, signal: NodeJS.Signals = "SIGKILL"): boolean {
  // 0 would be all of this process's own group.
  if (pid === undefined || pid <= 0) return false;
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replace(/\0$/, "");
  } catch {
    return "";
  }
}

function readLog(file: string): ReturnType<RelayProcess["log"]> {
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as ReturnType<RelayProcess["log"]>[number]];
      } catch {
        // Cut short by a kill, or not of the log.
        return [];
      }
    });
}
