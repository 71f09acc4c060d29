/** What is aimed at, and whether a run has reached it. Values to values. */
import type { FairnessResult } from "./fairness.ts";
import { growthOf } from "./flow.ts";
import type { HalfLoad } from "./half-load.ts";
import type { QueueMemory } from "./queue-memory.ts";
import { processesOf } from "./relays/start.ts";
import { median } from "./statistics.ts";
import { figure } from "./table.ts";

export type Target = { what: string; aim: string; reached: string; isMet: boolean };

/** Redis, for each message that waits, beyond the message's own bytes. */
const MOST_BYTES_BEYOND_BODY = 2_048;

export function memoryTargets(all: QueueMemory[]): Target[] {
  return all.map(({ messages, bytes, beyondBody }) => ({
    what: `Redis memory of a message that waits, beyond its body (${messages} of ${bytes / 1_024} KiB)`,
    aim: `≤ ${MOST_BYTES_BEYOND_BODY} bytes`,
    reached: `${figure(beyondBody)} bytes`,
    isMet: beyondBody <= MOST_BYTES_BEYOND_BODY,
  }));
}

export const HALF_LOAD_AIM = { p50: 10, p99: 50 };

/** Of this relay; medians over the rounds. */
export function halfLoadTargets(all: HalfLoad[]): Target[] {
  const own = Object.entries(Object.groupBy(all, ({ measurement }) => measurement.relay));
  return own.flatMap(([relay, runs = []]) => {
    if (processesOf(runs[0]?.measurement.relay ?? "postfix:best") === undefined) return [];
    return (["p50", "p99"] as const).map((part) => {
      const reached = median(runs.map(({ measurement }) => measurement.waitMs[part]));
      const rate = median(runs.map(({ rate }) => rate));
      return {
        what: `${relay} at half load (${figure(rate)}/s): from 250 to delivered, ${part}`,
        aim: `≤ ${HALF_LOAD_AIM[part]} ms`,
        reached: `${figure(reached)} ms`,
        isMet: reached <= HALF_LOAD_AIM[part],
      };
    });
  });
}

export function fairnessTargets({ alone, beside }: FairnessResult): Target[] {
  const share = beside.flow.inTime / alone.flow.inTime;
  const growth = growthOf(beside.memory.map(({ relayMiB }) => relayMiB));
  return [
    {
      what: "delivered in time, as a part of the same flow alone",
      aim: "≥ 95 %",
      reached: `${figure(100 * share)} %`,
      isMet: share >= 0.95,
    },
    {
      what: "from 250 to delivered, p50",
      aim: "≤ 10 ms",
      reached: `${figure(beside.flow.waitMs.p50)} ms`,
      isMet: beside.flow.waitMs.p50 <= 10,
    },
    {
      what: "from 250 to delivered, p99",
      aim: "≤ 100 ms",
      reached: `${figure(beside.flow.waitMs.p99)} ms`,
      isMet: beside.flow.waitMs.p99 <= 100,
    },
    {
      what: "memory of the relay's processes, last quarter to first",
      aim: "≤ 1.1",
      reached: figure(growth),
      isMet: growth <= 1.1,
    },
  ];
}
