/** Times as people say them: near enough, and never longer than needed. */

const UNITS: [string, number][] = [
  ["days", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
];

/** `in 50 s`, `5 min ago`, `now`. */
export function fromNow(at: number, now: number): string {
  const distance = at - now;
  if (Math.abs(distance) < 1_000) return "now";
  return distance > 0 ? `in ${roughly(distance)}` : `${roughly(-distance)} ago`;
}

/** `50 s`, `5 min`, `3 h`, `2 days`. */
export function roughly(ms: number): string {
  for (const [unit, size] of UNITS) {
    // Two of the smaller unit say more than one of the larger.
    if (ms >= 2 * size || unit === "s") return `${Math.round(ms / size)} ${unit}`;
  }
  return "0 s";
}

/** `2026-11-22 10:02:11 UTC`. */
export const timeText = (at: string | number): string =>
  `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
