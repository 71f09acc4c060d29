/**
 * Durations and sizes as an administrator writes them: `30s`, `1h30m`, `25MiB`.
 * A bare number is not accepted: `30` would be seconds to one reader and
 * milliseconds to the next.
 */

const MILLISECONDS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

const BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;

const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/;
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g;
const SIZE = /^(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB|TiB)$/;

/** What `parseDuration` reads, in words. */
export const DURATION_FORM = "a duration like 30s, 5m or 1h30m";
/** What `parseSize` reads, in words. */
export const SIZE_FORM = "a size like 64KiB or 25MiB";

/** The duration in milliseconds, or `undefined` when the text is none. Parts add up: `1h30m`. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(DURATION_PART)) {
    total += Number(count) * MILLISECONDS[unit as keyof typeof MILLISECONDS];
  }
  return whole(total);
}

/** The size in bytes, or `undefined` when the text is none. Only binary units: `MB` means two things. */
export function parseSize(text: string): number | undefined {
  const [, count, unit] = SIZE.exec(text) ?? [];
  if (unit === undefined) return undefined;
  return whole(Number(count) * BYTES[unit as keyof typeof BYTES]);
}

/** The shortest text that `parseDuration` reads back as this many milliseconds. */
export function formatDuration(milliseconds: number): string {
  return inLargestUnit(milliseconds, MILLISECONDS, ["ms", "s", "m", "h", "d"]);
}

/** The shortest text that `parseSize` reads back as this many bytes. */
export function formatSize(bytes: number): string {
  return inLargestUnit(bytes, BYTES, ["B", "KiB", "MiB", "GiB", "TiB"]);
}

function inLargestUnit<Unit extends string>(value: number, units: Record<Unit, number>, smallestFirst: Unit[]): string {
  const fits = smallestFirst.filter((unit) => value > 0 && value % units[unit] === 0);
  const unit = fits.at(-1) ?? smallestFirst[0];
  return unit === undefined ? String(value) : `${value / units[unit]}${unit}`;
}

function whole(value: number): number | undefined {
  const rounded = Math.round(value);
  return Number.isSafeInteger(rounded) ? rounded : undefined;
}
