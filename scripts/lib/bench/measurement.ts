/** What one run of one relay under one load gives. Values to values. */
import type { Counts } from "./counting-sink.ts";
import type { LoadReport, Submitted } from "./load-source.ts";
import type { RelayName } from "./relays/kind.ts";
import { type Latency, latency } from "./statistics.ts";

export type Measurement = {
  cell: string;
  relay: RelayName;
  /** All relays of one round ran one after the other. */
  round: number;
  accepted: number;
  refused: number;
  delivered: number;
  duplicates: number;
  /** Messages a second that were answered 250, while others were delivered. */
  acceptRate: number;
  /** Messages a second, from the first connection until the last one was taken. */
  deliveredRate: number;
  /** The relay and all that works for it: Redis, or Postfix' policy daemon. */
  cpuPerThousand: number;
  /** From a message's last byte to its 250. */
  ackMs: Latency;
  /** From the start of a message's transaction until it was taken. */
  endToEndMs: Latency;
  /** From a message's 250 until it was taken; 0 where it was taken before. */
  waitMs: Latency;
  memoryMiB: number;
  /** The part of the machine that was busy with other things than this measurement. */
  others: number;
};

export function summarise(
  run: Pick<Measurement, "cell" | "relay" | "round" | "memoryMiB" | "others">,
  {
    load,
    counts,
    takenAt,
    cpuSeconds,
  }: { load: LoadReport; counts: Counts; takenAt: Map<number, number>; cpuSeconds: number },
): Measurement {
  const arrived = [...load.submitted].flatMap(([number, submitted]) => {
    const at = takenAt.get(number);
    return at === undefined ? [] : [{ ...submitted, takenAt: at }];
  });
  return {
    ...run,
    accepted: load.accepted,
    refused: load.failed,
    delivered: arrived.length,
    duplicates: counts.duplicates,
    acceptRate: load.accepted / (load.lastAckedAt - load.begunAt),
    deliveredRate: arrived.length / (counts.lastAt - load.begunAt),
    cpuPerThousand: (1_000 * cpuSeconds) / arrived.length,
    ackMs: latency([...load.submitted.values()].map(({ sentAt, ackedAt }) => 1_000 * (ackedAt - sentAt))),
    endToEndMs: latency(arrived.map(({ begunAt, takenAt: at }) => 1_000 * (at - begunAt))),
    waitMs: latency(waits(arrived)),
  };
}

export function waits(arrived: (Submitted & { takenAt: number })[]): number[] {
  return arrived.map(({ ackedAt, takenAt }) => Math.max(0, 1_000 * (takenAt - ackedAt)));
}

/** What is wrong with a run, whatever its rate; `undefined`: nothing. */
export function faultOf({ accepted, refused, delivered, duplicates }: Measurement): string | undefined {
  const faults = [
    accepted === 0 ? "nothing was accepted" : "",
    delivered < accepted ? `${accepted - delivered} accepted and not delivered` : "",
    duplicates > 0 ? `${duplicates} delivered twice` : "",
    refused > 0 ? `${refused} refused` : "",
  ].filter(Boolean);
  return faults.length === 0 ? undefined : faults.join(", ");
}
