/**
 * Times and lists as a reader wants them.
 */

const UNITS: [name: string, ms: number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];

/** In the largest unit of which there is at least one, rounded: `7 days`. */
export function durationWords(ms: number): string {
  const [name, unitMs] = UNITS.find(([, unitMs]) => ms >= unitMs) ?? ["second", 1000];
  const count = Math.round(ms / unitMs);
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

/** `2026-11-22` */
export const day = (at: number): string => new Date(at).toISOString().slice(0, 10);

/** `2026-11-22 10:31 UTC` */
export const moment = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** The first few of many. */
export function list(items: string[], most = 5): string {
  const rest = items.length - most;
  return rest > 0 ? `${items.slice(0, most).join(", ")} and ${rest} more` : items.join(", ");
}
