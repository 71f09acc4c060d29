/**
 * How long the queue's commands take with 100,000 deliveries waiting, and what
 * delivery notices of them: messages come in at a steady rate meanwhile, and
 * are taken and ended by a worker, over the same Redis.
 *
 *   node scripts/bench-queue.ts [DELIVERIES] [MESSAGES PER SECOND]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "../src/store/connection.ts";
import { startDeliveryWorker } from "../src/store/delivery-worker.ts";
import { startEmbeddedRedis } from "../src/store/embedded-server.ts";
import { createMailQueue } from "../src/store/mail-queue.ts";
import { newMessageId } from "../src/submission/message-id.ts";
import { fillQueue } from "../test/support/fill-queue.ts";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const count = Number(process.argv[2] ?? 100_000);
const perSecond = Number(process.argv[3] ?? 300);

const COMMANDS: string[][] = [
  ["queue"],
  ["queue", "list"],
  ["queue", "list", "--to", "d3.example"],
  ["queue", "list", "--from", "app7@sender.example"],
  ["queue", "hold", "--to", "d3.example"],
  ["queue", "release", "--to", "d3.example"],
  ["queue", "retry", "--to", "d5.example"],
  ["queue", "drop", "--to", "d6.example", "--yes"],
  ["messages", "--to", "d9.example", "--limit", "50"],
];

const dir = await mkdtemp(join(tmpdir(), "bench-queue-"));
const redis = await startEmbeddedRedis({ dir, maxMemoryBytes: 4 * 1024 ** 3, onEvent: () => undefined });
const connection = await connect({
  target: { socketPath: redis.socketPath },
  commandTimeoutMs: 60_000,
  onState: () => undefined,
});
const queue = createMailQueue({ connection });
await writeFile(join(dir, "relay.yaml"), JSON.stringify({ redis: { dir }, hostname: "bench.test" }));

const latencies: number[] = [];
const worker = startDeliveryWorker({
  connection,
  queue,
  concurrency: 50,
  deliver: async ({ data }) => {
    // Those of the backlog that were made due go back to where they were.
    if (data.from !== "live@sender.example") return { kind: "again", at: Date.now() + 3_600_000 };
    latencies.push(Date.now() - Date.parse(data.acceptedAt));
    return { kind: "finished" };
  },
  onFault: (where, err) => console.error(where, err),
});

await connection.redis.config("SET", "slowlog-log-slower-than", "50000");
await connection.redis.config("SET", "slowlog-max-len", "1000");
let refused = 0;
const stop = new AbortController();
const live = feed(stop.signal);
try {
  await sleep(2_000);
  report("with an empty queue", await during(() => sleep(5_000)));
  // Ten destinations: each command about one of them concerns a tenth.
  await fillQueue(connection.redis, count, (index) => `d${index % 10}.example`);
  await sleep(2_000);
  report(`with ${count.toLocaleString("en")} waiting`, await during(() => sleep(5_000)));
  await connection.redis.slowlog("RESET");
  for (const command of COMMANDS) report(command.join(" "), await during(() => relay(command)));
  const slow = (await connection.redis.slowlog("GET", 1_000)) as [number, number, number, string[]][];
  const words = slow.map(([, , us, [command]]) => `${command} ${Math.round(us / 1_000)} ms`);
  console.log(`commands of Redis that took more than 50 ms: ${words.length === 0 ? "none" : words.join(", ")}`);
  const rewrites = /aof_rewrites:(\d+)/.exec(await connection.redis.info("persistence"))?.[1] ?? "?";
  console.log(`rewrites of Redis' append-only file: ${rewrites}; messages refused: ${refused}`);
} finally {
  stop.abort();
  await live;
  await worker.close(2_000);
  await queue.close();
  await connection.close();
  await redis.stop();
  await rm(dir, { recursive: true, force: true });
}

/** New mail, evenly over time. */
async function feed(signal: AbortSignal): Promise<void> {
  const startedAt = Date.now();
  const adding: Promise<void>[] = [];
  for (let sent = 0; !signal.aborted;) {
    const due = ((Date.now() - startedAt) / 1_000) * perSecond;
    for (; sent < due; sent++) {
      const acceptedAt = Date.now();
      const id = newMessageId(acceptedAt, randomBytes);
      const envelope = { from: "live@sender.example", to: ["user@live.example"], smtputf8: false, eightBit: false };
      const message = { id, envelope, data: Buffer.alloc(4_096, "text\r\n"), acceptedAt };
      adding.push(queue.add(message, { lifetimeMs: 86_400_000 }).catch(() => void (refused += 1)));
    }
    await sleep(5);
  }
  await Promise.all(adding);
}

async function during(work: () => Promise<unknown>): Promise<{ ms: number; delivered: number; took: number[] }> {
  latencies.length = 0;
  const startedAt = performance.now();
  await work();
  const ms = performance.now() - startedAt;
  return { ms, delivered: latencies.length, took: latencies.toSorted((a, b) => a - b) };
}

function report(what: string, { ms, delivered, took }: Awaited<ReturnType<typeof during>>): void {
  const percentile = (part: number) => took[Math.min(took.length - 1, Math.floor(took.length * part))] ?? 0;
  const rate = Math.round(delivered / (ms / 1_000));
  const latency = `p50 ${percentile(0.5)} ms, p99 ${percentile(0.99)} ms`;
  console.log(`${what.padEnd(44)} ${(ms / 1_000).toFixed(2).padStart(6)} s   ${rate}/s delivered, ${latency}`);
}

async function relay(args: string[]): Promise<void> {
  const launcher = fileURLToPath(new URL("../src/sts-relay.js", import.meta.url));
  const child = spawn(process.execPath, [launcher, ...args, "--config", join(dir, "relay.yaml")], { stdio: "ignore" });
  const [code] = (await once(child, "close")) as [number];
  if (code !== 0) console.error(`${args.join(" ")} ended with ${code}`);
}
