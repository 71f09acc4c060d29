/**
 * The days of reports: each covers one UTC day, and is sent after a delay that
 * spreads the reports of all domains. RFC 8460 sections 4.1 and 5.
 */
import { createHash } from "node:crypto";
import type { Domain } from "../dns/answer.ts";

/** A day in UTC: `2026-11-22`. */
export type Day = string;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export const dayOf = (at: number): Day => new Date(at).toISOString().slice(0, 10);

/** `undefined` for text that is no day. */
export function parseDay(text: string): Day | undefined {
  const at = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(at) && dayOf(at) === text ? text : undefined;
}

export const startOf = (day: Day): number => Date.parse(`${day}T00:00:00Z`);
export const endOf = (day: Day): number => startOf(day) + DAY_MS;

/** By then every process has written down what it counted before midnight. */
const LEAST_DELAY_MS = 5 * MINUTE_MS;
/** RFC 8460 section 5.4: up to four hours. */
const LONGEST_DELAY_MS = 4 * HOUR_MS;

/** When the report is due. Follows from day and domain, so that all processes agree without a word. */
export function dueAt(day: Day, domain: Domain): number {
  const chance = createHash("sha256").update(`${day} ${domain}`).digest().readUInt32BE(0) / 2 ** 32;
  return endOf(day) + LEAST_DELAY_MS + Math.floor(chance * (LONGEST_DELAY_MS - LEAST_DELAY_MS));
}

/** RFC 8460 section 5.5: a report that cannot be delivered is tried for a day. */
export const giveUpAt = (day: Day, domain: Domain): number => dueAt(day, domain) + DAY_MS;

/** When to try again after `attempts` that failed: 5, 10, 20 … minutes, at most two hours. */
export const retryAt = (now: number, attempts: number): number =>
  now + Math.min(2 * HOUR_MS, 5 * MINUTE_MS * 2 ** Math.max(0, attempts - 1));
