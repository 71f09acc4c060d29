/** A Redis that is not the relay's own: killed and started again from outside, and made difficult on demand. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { listenOn } from "../../src/lab/loopback-server.ts";

export type ExternalRedis = {
  port: number;
  kill(): Promise<void>;
  start(): void;
  /** Runs a command; `undefined` while it is not there. */
  ask(command: string, ...args: string[]): Promise<unknown>;
};

/** What it starts, `stack` ends. Fsyncs each write before it answers, as the relay's own does. */
export async function startExternalRedis(dir: string, stack: AsyncDisposableStack): Promise<ExternalRedis> {
  const probe = await listenOn(createServer(), { host: "127.0.0.1", port: 0 });
  const { port } = probe;
  await probe.close();
  const home = join(dir, "external-redis");
  mkdirSync(home);
  let child: ChildProcess | undefined;
  const start = () => {
    const flags = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", home, "--save", "", "--loglevel", "warning"];
    const durable = ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"];
    child = spawn("redis-server", [...flags, ...durable, "--logfile", join(dir, "external-redis.log")], {
      stdio: "ignore",
    });
  };
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  const redis = new Redis({
    port,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    retryStrategy: () => 50,
  });
  redis.on("error", () => undefined);
  stack.defer(async () => {
    redis.disconnect();
    await kill();
  });
  start();
  while ((await redis.connect().catch(() => "no")) === "no") await sleep(20);
  return { port, kill, start, ask: (command, ...args) => redis.call(command, ...args).catch(() => undefined) };
}
