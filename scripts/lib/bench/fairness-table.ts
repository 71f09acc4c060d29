/** The result of the fairness measurement in rows. Values to values. */
import type { FairnessResult, Phase } from "./fairness.ts";
import { figure, type Table } from "./table.ts";

export function fairnessTable({ alone, beside }: FairnessResult): Table {
  const row = (what: string, value: (phase: Phase) => string) => [what, value(alone), value(beside)];
  const both = ({ p50, p99 }: { p50: number; p99: number }) => `${figure(p50)} / ${figure(p99)}`;
  const span = (values: number[]) =>
    `${figure(values[0] ?? Number.NaN)} → ${figure(values.at(-1) ?? Number.NaN)}, most ${figure(Math.max(...values))}`;
  return {
    head: ["the good flow", "alone", "beside the flood"],
    rows: [
      row("accepted", ({ flow }) => String(flow.accepted)),
      row("delivered in time", ({ flow }) => String(flow.inTime)),
      row("delivered in the end", ({ flow }) => String(flow.delivered)),
      row("held for more than a second", ({ flow }) => String(flow.held)),
      row("from 250 to delivered, p50 / p99 ms", ({ flow }) => both(flow.waitMs)),
      row("from due to delivered, p50 / p99 ms", ({ flow }) => both(flow.throughMs)),
      row("CPU seconds of relay and Redis", ({ cpuSeconds }) => figure(cpuSeconds)),
      row("memory of the relay, MiB", ({ memory }) => span(memory.map(({ relayMiB }) => relayMiB))),
      row("memory in Redis, MiB", ({ memory }) => span(memory.map(({ redisMiB }) => redisMiB))),
    ],
  };
}
