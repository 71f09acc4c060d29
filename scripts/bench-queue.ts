/**
 * `scripts/bench-queue`: how long the queue's commands take with 100,000
 * deliveries waiting, and what delivery notices of them: messages come in at a
 * steady rate meanwhile, and are taken and ended by a worker, over the same
 * Redis. Ends with 1 when a target is missed.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Redis } from "ioredis";
import { connect } from "../src/store/connection.ts";
import { startDeliveryWorker } from "../src/store/delivery-worker.ts";
import { startEmbeddedRedis } from "../src/store/embedded-server.ts";
import { createMailQueue } from "../src/store/mail-queue.ts";
import { delayedKey } from "../src/store/queue-layout.ts";
import { fillQueue } from "../test/support/fill-queue.ts";
import { type FlowWindow, flowWindow, missed, TAIL_MS, type Targets } from "./lib/flow-window.ts";
import { startLiveMail } from "./lib/live-mail.ts";

const USAGE = `Usage: scripts/bench-queue [--deliveries 100000] [--rate 300]
  --deliveries  how many wait, for ten destinations
  --rate        messages a second that come in and go out meanwhile
`;

const { values } = parseArgs({
  options: {
    deliveries: { type: "string", default: "100000" },
    rate: { type: "string", default: "300" },
    help: { type: "boolean", default: false },
  },
});

/**
 * A command of Redis takes longer than its work when the machine has something
 * else to do in the middle of it: the queue's own take a few milliseconds.
 */
const TARGETS: Targets = { seconds: 5, share: 0.95, p99: 500, commandMs: 20 };

/** Ten destinations: each command about one of them concerns a tenth. */
const domainOf = (index: number) => `d${index % 10}.example`;

const COMMANDS: string[][] = [
  ["queue"],
  ["queue", "list"],
  ["queue", "list", "--to", "d3.example"],
  ["queue", "list", "--from", "app7@sender.example"],
  ["queue", "hold", "--to", "d3.example"],
  ["queue", "release", "--to", "d3.example"],
  ["queue", "retry", "--to", "d5.example"],
  ["queue", "bounce", "--to", "d4.example"],
  ["queue", "drop", "--to", "d6.example", "--yes"],
  ["messages", "--to", "d9.example", "--limit", "50"],
];

/** For a comparison to mean something. */
const SHORTEST_BASELINE_MS = 2_000;
/** How long what a command has made due may take to be tried. */
const AFTERMATH_MS = 60_000;
/** What these are about becomes due, and is tried. */
const WAKING = new Set(["release", "retry", "bounce"]);

type Stretch = { ms: number; window: FlowWindow; longest: { ms: number; command: string } };
type Row = { what: string; stretch: Stretch; baseline: FlowWindow; wrong: string[] };

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "bench-queue-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const server = await startEmbeddedRedis({ dir, maxMemoryBytes: 4 * 1024 ** 3, onEvent: () => undefined });
  stack.defer(() => server.stop());
  const target = { socketPath: server.socketPath };
  const connection = await connect({ target, commandTimeoutMs: 60_000, onState: () => undefined });
  stack.defer(() => connection.close());
  const { redis } = connection;
  const queue = createMailQueue({ connection });
  stack.defer(() => queue.close());
  await writeFile(join(dir, "relay.yaml"), JSON.stringify({ redis: { dir }, hostname: "bench.test" }));

  const live = startLiveMail(queue, Number(values.rate));
  const worker = startDeliveryWorker({
    connection,
    queue,
    concurrency: 50,
    deliver: async ({ data, giveUp }) => {
      if (live.delivered(data) || giveUp !== undefined) return { kind: "finished" };
      // Those of the backlog that were made due go back to where they were.
      return { kind: "again", at: Date.now() + 3_600_000 };
    },
    onFault: (where, err) => console.error(where, err),
  });
  stack.defer(() => worker.close(2_000));
  stack.defer(() => live.stop());

  const quiet = async () => {
    const limit = Date.now() + AFTERMATH_MS;
    for (;;) {
      const due = await redis.zcount(delayedKey, 0, Date.now() * 0x1000);
      const { retrying } = await queue.counts();
      if (retrying + due === 0) return;
      if (Date.now() > limit) throw new Error(`${retrying + due} deliveries are still due`);
      await sleep(20);
    }
  };
  const during = async (work: () => Promise<unknown>): Promise<Stretch> => {
    await redis.slowlog("RESET");
    const from = Date.now();
    await work();
    const to = Date.now();
    const longest = longestOf(await redis.slowlog("GET", 10_000));
    await sleep(TAIL_MS);
    return { ms: to - from, window: flowWindow(live.flow, from, to), longest };
  };
  /** Also what comes after it, where it has made many deliveries due: live mail shares the workers with them. */
  const measure = async (args: string[]): Promise<Row[]> => {
    const command = await during(() => relay(dir, args));
    const aftermath = await during(quiet);
    await sleep(500);
    const { window: baseline } = await during(() => sleep(Math.max(SHORTEST_BASELINE_MS, command.ms)));
    const row = (what: string, stretch: Stretch, isTimed: boolean): Row => {
      const { ms, window, longest } = stretch;
      const measured = { ...(isTimed ? { seconds: ms / 1_000 } : {}), window, baseline, commandMs: longest.ms };
      return { what, stretch, baseline, wrong: missed(measured, TARGETS) };
    };
    const rows = [row(args.join(" "), command, true)];
    if (WAKING.has(args[1] ?? "")) rows.push(row("  what it made due is tried", aftermath, false));
    return rows;
  };

  await redis.config("SET", "slowlog-log-slower-than", "1000");
  await redis.config("SET", "slowlog-max-len", "10000");
  console.log(HEADLINE);
  await sleep(2_000);
  await fillQueue(redis, Number(values.deliveries), domainOf);
  // Now, and not in the middle of a command: it is the mail that makes it necessary.
  await rewriteLog(redis);
  await redis.config("SET", "auto-aof-rewrite-percentage", "0");
  let isWrong = false;
  for (const command of COMMANDS) {
    for (const row of await measure(command)) {
      console.log(rowText(row));
      isWrong ||= row.wrong.length > 0;
    }
  }
  console.log(`${live.flow.length.toLocaleString("en")} messages, ${live.refused()} refused`);
  return isWrong || live.refused() > 0 ? 1 : 0;
}

const HEADLINE = `In brackets: the same with nothing else to do.
${"".padEnd(38)}seconds    in time, %   p50, ms     p99, ms   longest command of Redis`;

function rowText({ what, stretch: { ms, window, longest }, baseline, wrong }: Row): string {
  const pair = (value: number, other: number, digits = 0) => `${value.toFixed(digits)} (${other.toFixed(digits)})`;
  const cells = [
    what.padEnd(38),
    (ms / 1_000).toFixed(2).padStart(7),
    pair(window.share * 100, baseline.share * 100, 1).padStart(15),
    pair(window.p50, baseline.p50).padStart(10),
    pair(window.p99, baseline.p99).padStart(12),
    `   ${longest.ms.toFixed(1)} ms ${longest.command}`,
  ];
  return [cells.join(""), ...wrong.map((words) => `  MISSED: ${words}`)].join("\n");
}

type SlowCommand = [id: number, at: number, us: number, words: string[]];

function longestOf(slow: unknown): Stretch["longest"] {
  const [longest] = (slow as SlowCommand[]).toSorted((a, b) => b[2] - a[2]);
  return longest === undefined ? { ms: 0, command: "" } : { ms: longest[2] / 1_000, command: longest[3][0] ?? "" };
}

/** Redis' append-only file, made short. */
async function rewriteLog(redis: Redis): Promise<void> {
  const isUnderWay = async () => /aof_rewrite_(in_progress|scheduled):1/.test(await redis.info("persistence"));
  while (await isUnderWay()) await sleep(100);
  await redis.bgrewriteaof();
  await sleep(200);
  while (await isUnderWay()) await sleep(100);
}

async function relay(dir: string, args: string[]): Promise<void> {
  const launcher = fileURLToPath(new URL("../src/sts-relay.js", import.meta.url));
  const child = spawn(process.execPath, [launcher, ...args, "--config", join(dir, "relay.yaml")], { stdio: "ignore" });
  const [code] = (await once(child, "close")) as [number];
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}`);
}

process.exitCode = await main();
