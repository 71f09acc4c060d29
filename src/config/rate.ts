/**
 * How many in how long, as an administrator writes it: `1000/1m`.
 */
import { kind } from "./setting.ts";
import { parseDuration } from "./units.ts";

export type Rate = { count: number; periodMs: number };

const RATE = /^(\d{1,9})\/(\S+)$/;

/** What a store can count in: whole seconds. */
const LEAST_MS = 1_000;
const MOST_MS = 24 * 60 * 60_000;

/** `undefined` when the text is none. */
export function parseRate(text: string): Rate | undefined {
  const [, count, period = ""] = RATE.exec(text) ?? [];
  const periodMs = parseDuration(period);
  return count === undefined || periodMs === undefined ? undefined : { count: Number(count), periodMs };
}

/** A count of at least 1 in a period of 1s to 1d, of whole seconds. */
export const rate = () =>
  kind<Rate>("a count and a time like 1000/1m; the time is in whole seconds, from 1s to 1d", (input) => {
    const read = typeof input === "string" ? parseRate(input) : undefined;
    if (read === undefined) return { wrong: `${JSON.stringify(input)?.slice(0, 60)} is not a rate` };
    if (read.count === 0) return { wrong: "a count of 0 would stop all mail" };
    if (read.periodMs < LEAST_MS) return { wrong: "the time is too short" };
    if (read.periodMs > MOST_MS) return { wrong: "the time is too long" };
    return read.periodMs % 1_000 === 0 ? { value: read } : { wrong: "the time is not in whole seconds" };
  });
