/** One run: a relay is started, warmed up and put under a load, and all that comes out is counted. */
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { CLIENTS, MESSAGES_KEPT, type RateCell, SIZES } from "./cells.ts";
import { machineSeconds } from "./cpu.ts";
import { type Load, type LoadReport, runLoad } from "./load-source.ts";
import { type Measurement, summarise } from "./measurement.ts";
import { watchMemory } from "./memory.ts";
import { availableParallelism } from "node:os";
import type { RelayName, RunningRelay, Surroundings } from "./relays/kind.ts";
import { startRelay } from "./relays/start.ts";

/** A warm-up comes in portions of so many messages, the last of them just like those that are measured. */
const PORTION = 2_000;
const WARM_UP_NUMBERS = 900_000;
const LOAD_LIMIT_SECONDS = 120;

export type Run = { cell: string; relay: RelayName; round: number };

export async function measureRate(
  run: Run,
  cell: RateCell,
  messages: number,
  around: Surroundings,
): Promise<Measurement> {
  const relay = await startRelay(run.relay, around, cell.tls);
  try {
    await warmUp(cell, relay, around);
    return await underLoad(run, loadOf(cell, messages), relay, around);
  } finally {
    await relay.stop();
  }
}

export function loadOf(cell: Omit<RateCell, "name">, messages: number): Load {
  return {
    messages,
    bytes: cell.bytes,
    to: { prefix: cell.tls ? "d" : "p", domains: cell.domains },
    connections: CLIENTS,
    perConnection: cell.kept ? MESSAGES_KEPT : 1,
    first: 0,
  };
}

/** A relay runs for months: its first seconds, with policies to find, processes to start and code to compile, are not what is asked for. */
export async function warmUp(cell: Omit<RateCell, "name">, relay: RunningRelay, around: Surroundings): Promise<void> {
  for (let left = relay.warmUpMessages - PORTION; left > 0; left -= PORTION) {
    await warmUpWith({ ...cell, bytes: SIZES["4k"] }, relay, around);
  }
  await warmUpWith(cell, relay, around);
}

async function warmUpWith(cell: Omit<RateCell, "name">, relay: RunningRelay, around: Surroundings): Promise<void> {
  await around.world.sink.forget();
  const load = { ...loadOf(cell, PORTION), first: WARM_UP_NUMBERS };
  const { accepted } = await submit(load, relay, around);
  const { unique } = await around.world.sink.settled(accepted);
  if (unique < PORTION) throw new Error(`only ${unique} of ${PORTION} messages went through at first`);
}

/** All messages of the sink so far must have arrived: it begins to count anew. */
export async function underLoad(run: Run, load: Load, relay: RunningRelay, around: Surroundings): Promise<Measurement> {
  const { meter, world } = around;
  // What was written before is not to be waited for now.
  execFileSync("sync");
  await sleep(300);
  await world.sink.forget();
  using memory = watchMemory(() => meter.pids("relay"));
  const before = clocks(around);
  const report = await submit(load, relay, around);
  const counts = await world.sink.settled(report.accepted);
  const after = clocks(around);
  const wall = after.wall - before.wall;
  const others = (after.machine - before.machine - (after.own - before.own)) / (wall * availableParallelism());
  return summarise(
    { ...run, memoryMiB: memory.peakMiB(), others: Math.max(0, others) },
    { load: report, counts, takenAt: await world.sink.times(), cpuSeconds: after.relay - before.relay },
  );
}

export function submit(
  load: Load,
  relay: RunningRelay,
  { programs, scratch }: Surroundings,
  limitSeconds = load.rate === undefined ? LOAD_LIMIT_SECONDS : load.messages / load.rate + 30,
): Promise<LoadReport> {
  return runLoad({ programs, scratch, port: relay.port }, load, limitSeconds);
}

/** In seconds. */
function clocks({ meter }: Surroundings) {
  const { user, system } = process.cpuUsage();
  const relay = meter.seconds("relay");
  const own = relay + meter.seconds("load") + meter.seconds("world") + (user + system) / 1e6;
  return { relay, own, machine: machineSeconds(), wall: performance.now() / 1_000 };
}
