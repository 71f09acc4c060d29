/** What a message that waits costs in Redis beyond its own bytes: many are queued for domains that refuse connections. */
import { setTimeout as sleep } from "node:timers/promises";
import { CLIENTS, MESSAGES_KEPT } from "./cells.ts";
import { runLoad } from "./load-source.ts";
import type { Surroundings } from "./relays/kind.ts";
import { type RunningStsRelay, startStsRelay } from "./relays/sts-relay.ts";

export type QueueMemory = {
  messages: number;
  bytes: number;
  acceptRate: number;
  /** For each message, without what its client sent as its text. */
  beyondBody: number;
};

const DOMAINS = 10;
const FIRST = 500;
const STILL_MS = 3_000;
const LIMIT_MS = 60_000;

export async function measureQueueMemory(bytes: number, messages: number, around: Surroundings): Promise<QueueMemory> {
  const relay = await startStsRelay(1, around);
  try {
    const load = (first: number, count: number) =>
      runLoad(
        { ...around, port: relay.port },
        {
          messages: count,
          bytes,
          to: { prefix: "c", domains: DOMAINS },
          connections: CLIENTS,
          perConnection: MESSAGES_KEPT,
          first,
        },
        120,
      );
    // What is there once, however many messages wait: scripts, connections, what is known of the destinations.
    await load(0, FIRST);
    const before = await usedMemoryAtRest(relay);
    const report = await load(FIRST, messages);
    const used = (await usedMemoryAtRest(relay)) - before;
    if (report.accepted < messages)
      throw new Error(`${messages - report.accepted} were not accepted: ${report.failure}`);
    return {
      messages,
      bytes,
      acceptRate: report.accepted / (report.lastAckedAt - report.begunAt),
      beyondBody: (used - report.textBytes) / messages,
    };
  } finally {
    await relay.stop();
  }
}

/** When first attempts are over and it has stopped to change. */
async function usedMemoryAtRest(relay: RunningStsRelay): Promise<number> {
  let last = await usedMemory(relay);
  for (const until = Date.now() + LIMIT_MS; Date.now() < until;) {
    await sleep(STILL_MS);
    const next = await usedMemory(relay);
    if (Math.abs(next - last) < 0.005 * last) return next;
    last = next;
  }
  return last;
}

export async function usedMemory(relay: RunningStsRelay): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await relay.redis("INFO", "memory"))?.[1]);
}
