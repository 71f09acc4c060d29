/**
 * The numbers of several processes as one. Counts and times are added up; what
 * is true at a moment is as each metric says (`aggregator`).
 */
import { AggregatorRegistry } from "prom-client";
import type { MetricsSnapshot } from "./metrics.ts";

/** Where a metric has one value for all, it is that of the first that knows it. */
export async function addUp(snapshots: (MetricsSnapshot | undefined)[]): Promise<MetricsSnapshot> {
  return registryOf(snapshots).getMetricsAsJSON();
}

export const addedUpText = (snapshots: MetricsSnapshot[]): Promise<string> => registryOf(snapshots).metrics();

const registryOf = (snapshots: (MetricsSnapshot | undefined)[]) =>
  AggregatorRegistry.aggregate(snapshots.filter((snapshot) => snapshot !== undefined));

/**
 * What stays true of a process that has ended. Without it a sum would fall,
 * and whoever collects it would take that for a new beginning of all of it.
 */
export const totalsOf = (snapshot: MetricsSnapshot | undefined): MetricsSnapshot | undefined =>
  // The type says a number; it is a word.
  snapshot?.filter(({ type }) => String(type) !== "gauge");
