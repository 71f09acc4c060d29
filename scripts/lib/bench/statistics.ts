/** Of many values one: medians, spans, percentiles, and ratios of pairs. Values to values. */

/** Of a run, with the least and the most. */
export type Spread = { median: number; least: number; most: number };

/** `NaN` of none. Of an even number of values, the mean of the two in the middle. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] ?? Number.NaN;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

export function spread(values: number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** The least value that so large a part (0 to 1) of all does not exceed. `NaN` of none. */
export function percentile(values: number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}

export type Latency = { p50: number; p99: number };

export function latency(values: number[]): Latency {
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99) };
}

/** By how much each value is larger than the one measured beside it. Pairs of which one is missing are left out. */
export function ratios(values: (number | undefined)[], beside: (number | undefined)[]): number[] {
  return values.flatMap((value, index) => {
    const other = beside[index];
    return value === undefined || other === undefined || other === 0 ? [] : [value / other];
  });
}
