/** What became of a steady flow of mail. Values to values. */
import type { Submitted } from "./load-source.ts";
import { waits } from "./measurement.ts";
import { type Latency, latency } from "./statistics.ts";

export type Flow = {
  accepted: number;
  delivered: number;
  /** Delivered while the flow lasted. */
  inTime: number;
  /** Delivered more than `HELD_MS` after their 250, or not at all. */
  held: number;
  /** From 250 until taken. */
  waitMs: Latency;
  /** From the time a message was due to be handed in until it was taken. */
  throughMs: Latency;
};

export const HELD_MS = 1_000;

/** @param endsAt on the clock of the messages, in seconds */
export function describeFlow(submitted: Map<number, Submitted>, takenAt: Map<number, number>, endsAt: number): Flow {
  const arrived = [...submitted].flatMap(([number, each]) => {
    const at = takenAt.get(number);
    return at === undefined ? [] : [{ ...each, takenAt: at }];
  });
  const waited = waits(arrived);
  return {
    accepted: submitted.size,
    delivered: arrived.length,
    inTime: arrived.filter(({ takenAt: at }) => at <= endsAt).length,
    held: submitted.size - arrived.length + waited.filter((ms) => ms > HELD_MS).length,
    waitMs: latency(waited),
    throughMs: latency(arrived.map(({ begunAt, takenAt: at }) => 1_000 * (at - begunAt))),
  };
}

/** The mean of the last quarter of the samples, as a part of that of the first quarter. `NaN` of fewer than four. */
export function growthOf(samples: number[]): number {
  const quarter = Math.floor(samples.length / 4);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return quarter === 0 ? Number.NaN : mean(samples.slice(-quarter)) / mean(samples.slice(0, quarter));
}
