/**
 * Whether mail for dead domains keeps other mail waiting: a flood for one domain
 * that refuses connections and one that never speaks lies in the queue, and all of it is
 * made due at once while ten other domains get mail at a steady rate.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describeFlow, type Flow } from "./flow.ts";
import type { Load } from "./load-source.ts";
import { loadOf, submit, warmUp } from "./measure.ts";
import { memoryMiB } from "./memory.ts";
import type { FairnessOptions } from "./options.ts";
import { usedMemory } from "./queue-memory.ts";
import type { Surroundings } from "./relays/kind.ts";
import { type RunningStsRelay, startStsRelay } from "./relays/sts-relay.ts";

export type MemorySample = { relayMiB: number; redisMiB: number };
export type Phase = { flow: Flow; cpuSeconds: number; memory: MemorySample[] };

export type FairnessResult = {
  flood: { dead: number; tarpit: number; acceptRate: number };
  alone: Phase;
  beside: Phase;
  /** How long it took until all of the flood was due, as the relay's own command says. */
  dueAfterSeconds: number;
};

const CELL = { bytes: 4_096, tls: true, domains: 10, kept: true };
const FLOW_CONNECTIONS = 20;
const FLOOD_LIMIT_SECONDS = 1_800;
/** After the flow has begun. */
const DUE_AFTER_MS = 1_000;
const BESIDE_NUMBERS = 400_000;

export async function measureFairness(
  options: FairnessOptions,
  around: Surroundings,
  say: (line: string) => void,
): Promise<FairnessResult> {
  const relay = await startStsRelay(options.processes, around);
  try {
    await warmUp(CELL, relay, around);
    say(`${options.rate} messages a second to ten domains for ${options.seconds} s, alone`);
    const alone = await flow(options, 0, relay, around);
    say(`${options.dead} messages for a domain that refuses connections, ${options.tarpit} for one that never speaks`);
    const acceptRate = await flood(options, relay, around);
    say(`accepted at ${acceptRate.toFixed(0)}/s; now all of them due at once beside the same flow`);
    const due = makeDue(relay);
    const beside = await flow(options, BESIDE_NUMBERS, relay, around);
    return {
      flood: { dead: options.dead, tarpit: options.tarpit, acceptRate },
      alone,
      beside,
      dueAfterSeconds: await due,
    };
  } finally {
    await relay.stop();
  }
}

async function flow(
  options: FairnessOptions,
  first: number,
  relay: RunningStsRelay,
  around: Surroundings,
): Promise<Phase> {
  const { meter, world } = around;
  await world.sink.forget();
  const messages = options.rate * options.seconds;
  const load: Load = { ...loadOf(CELL, messages), connections: FLOW_CONNECTIONS, rate: options.rate, first };
  const memory: MemorySample[] = [];
  const sampling = new AbortController();
  const sampled = sampleMemory(memory, relay, around, sampling.signal);
  const cpuBefore = meter.seconds("relay");
  const report = await submit(load, relay, around);
  const cpuSeconds = meter.seconds("relay") - cpuBefore;
  sampling.abort();
  await sampled;
  await world.sink.settled(report.accepted, 30_000);
  const described = describeFlow(report.submitted, await world.sink.times(), report.begunAt + options.seconds);
  return { flow: described, cpuSeconds, memory };
}

/** Resolves to how many were accepted a second. */
async function flood(options: FairnessOptions, relay: RunningStsRelay, around: Surroundings): Promise<number> {
  const base = { ...loadOf(CELL, 0), first: 0 };
  const parts = [
    { ...base, messages: options.tarpit, to: { prefix: "t", domains: 1 } },
    { ...base, messages: options.dead, to: { prefix: "c", domains: 1 } },
  ] satisfies Load[];
  let seconds = 0;
  for (const part of parts) {
    const report = await submit(part, relay, around, FLOOD_LIMIT_SECONDS);
    if (report.accepted < part.messages) {
      throw new Error(`only ${report.accepted} of ${part.messages} were accepted: ${report.failure}`);
    }
    seconds += report.lastAckedAt - report.begunAt;
  }
  return (options.dead + options.tarpit) / seconds;
}

/** With the command that an operator has for it. Resolves to how long that took, in seconds. */
async function makeDue(relay: RunningStsRelay): Promise<number> {
  await sleep(DUE_AFTER_MS);
  const begun = performance.now();
  await relay.command("queue", "retry", "--all");
  return (performance.now() - begun) / 1_000;
}

async function sampleMemory(
  into: MemorySample[],
  relay: RunningStsRelay,
  { meter }: Surroundings,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const pids = meter.pids("relay").filter((pid) => !commandOf(pid).startsWith("redis"));
    into.push({ relayMiB: memoryMiB(pids), redisMiB: (await usedMemory(relay)) / 2 ** 20 });
    await sleep(1_000, undefined, { signal }).catch(() => undefined);
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8");
  } catch {
    // It has just ended.
    return "";
  }
}
