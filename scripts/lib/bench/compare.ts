/** From single runs to what they say: medians, and ratios to the best of others in each cell. Values to values. */
import type { Measurement } from "./measurement.ts";
import { faultOf } from "./measurement.ts";
import type { RelayName } from "./relays/kind.ts";
import { median, ratios, type Spread, spread } from "./statistics.ts";
import { figure, type Table } from "./table.ts";

export type Metric = "acceptRate" | "deliveredRate" | "cpuPerThousand";

/** Of CPU time less is better. */
const BETTER: Record<Metric, "more" | "less"> = { acceptRate: "more", deliveredRate: "more", cpuPerThousand: "less" };

export type Comparison = {
  cell: string;
  relay: RelayName;
  metric: Metric;
  /** Of those that it is compared with, the one that does best by this metric in this cell. */
  beside: RelayName;
  /** Of each round's pair. */
  ratio: Spread;
  pairs: number;
};

export function isPostfix(relay: RelayName): boolean {
  return relay.startsWith("postfix:");
}

/** None for a cell in which none of `others` was measured. */
export function compare(measurements: Measurement[], others = isPostfix): Comparison[] {
  const metrics: Metric[] = ["deliveredRate", "acceptRate", "cpuPerThousand"];
  return cellsOf(measurements).flatMap((cell) => {
    const inCell = measurements.filter((each) => each.cell === cell);
    const relays = namesIn(inCell);
    return relays
      .filter((relay) => !others(relay))
      .flatMap((relay) =>
        metrics.flatMap((metric): Comparison[] => {
          const beside = best(inCell, relays.filter(others), metric);
          if (beside === undefined) return [];
          const all = ratios(byRound(inCell, relay, metric), byRound(inCell, beside, metric));
          return all.length === 0 ? [] : [{ cell, relay, metric, beside, ratio: spread(all), pairs: all.length }];
        }),
      );
  });
}

function best(measurements: Measurement[], relays: RelayName[], metric: Metric): RelayName | undefined {
  const sign = BETTER[metric] === "more" ? -1 : 1;
  const score = (relay: RelayName) => sign * median(valuesOf(measurements, relay, metric));
  return relays.toSorted((a, b) => score(a) - score(b))[0];
}

function valuesOf(measurements: Measurement[], relay: RelayName, metric: Metric): number[] {
  return measurements.filter((each) => each.relay === relay).map((each) => each[metric]);
}

/** Index: the round. What is missing was not measured. */
function byRound(measurements: Measurement[], relay: RelayName, metric: Metric): (number | undefined)[] {
  const values: (number | undefined)[] = [];
  for (const each of measurements) if (each.relay === relay) values[each.round] = each[metric];
  return Array.from(values);
}

export const cellsOf = (measurements: { cell: string }[]): string[] => [
  ...new Set(measurements.map(({ cell }) => cell)),
];
const namesIn = (measurements: Measurement[]): RelayName[] => [...new Set(measurements.map(({ relay }) => relay))];

/** One row for each relay of each cell, each figure the median of its runs. */
export function measuredTable(measurements: Measurement[]): Table {
  const head = [
    "cell",
    "relay",
    "accepted/s",
    "delivered/s",
    "CPU s/1000",
    "ack p50/p99 ms",
    "through p50/p99 ms",
    "MiB",
    "others",
    "runs",
  ];
  const rows = cellsOf(measurements).flatMap((cell) => {
    const inCell = measurements.filter((each) => each.cell === cell);
    return namesIn(inCell).map((relay) => {
      const runs = inCell.filter((each) => each.relay === relay);
      const middle = (value: (run: Measurement) => number) => figure(median(runs.map(value)));
      const faulty = runs.filter((run) => faultOf(run) !== undefined).length;
      return [
        cell,
        relay,
        middle((run) => run.acceptRate),
        middle((run) => run.deliveredRate),
        middle((run) => run.cpuPerThousand),
        `${middle((run) => run.ackMs.p50)} / ${middle((run) => run.ackMs.p99)}`,
        `${middle((run) => run.endToEndMs.p50)} / ${middle((run) => run.endToEndMs.p99)}`,
        middle((run) => run.memoryMiB),
        `${Math.round(100 * median(runs.map((run) => run.others)))} %`,
        faulty === 0 ? String(runs.length) : `${runs.length}, ${faulty} FAILED`,
      ];
    });
  });
  return { head, rows };
}

const WORDS: Record<Metric, string> = {
  deliveredRate: "delivered/s",
  acceptRate: "accepted/s",
  cpuPerThousand: "CPU s/1000",
};

/** One row for each relay of each cell, each ratio a median with the least and the most. */
export function ratioTable(comparisons: Comparison[]): Table {
  const metrics = Object.keys(WORDS) as Metric[];
  const head = ["cell", "relay", ...metrics.map((metric) => WORDS[metric])];
  const pairs = [...new Set(comparisons.map(({ cell, relay }) => `${cell} ${relay}`))];
  const rows = pairs.map((pair) => {
    const [cell = "", relay = ""] = pair.split(" ");
    const of = (metric: Metric) =>
      comparisons.find((each) => each.cell === cell && each.relay === relay && each.metric === metric);
    return [cell, relay, ...metrics.map((metric) => ratioWords(of(metric)))];
  });
  return { head, rows };
}

/** `3.08 (2.91–3.33) of tuned` */
export function ratioWords(comparison: Comparison | undefined): string {
  if (comparison === undefined) return "–";
  const { median, least, most } = comparison.ratio;
  return `${figure(median)} (${figure(least)}–${figure(most)}) of ${comparison.beside.replace("postfix:", "")}`;
}
