/** Numbers and times as people read them. */
import { h } from "./dom.js";

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
];

/** `3 h`, `50 s`. */
export function roughly(ms) {
  for (const [unit, size] of UNITS) if (ms >= 2 * size || unit === "s") return `${Math.round(ms / size)} ${unit}`;
  return "0 s";
}

/** `5 min ago`, `in 3 h`, `now`. */
export function fromNow(at) {
  const distance = Date.parse(at) - Date.now();
  if (Math.abs(distance) < 1_000) return "now";
  return distance > 0 ? `in ${roughly(distance)}` : `${roughly(-distance)} ago`;
}

/** `2026-11-22 10:02:11 UTC`. */
export const exactly = (at) => `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** How long ago or until, which goes on by itself; the exact time is its title. */
export function when(at, fallback = "–") {
  if (at === undefined) return fallback;
  return h("time", { datetime: at, title: exactly(at) }, fromNow(at));
}

/** Keeps all such times right. */
export function tickTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const text = fromNow(time.dateTime);
    if (time.textContent !== text) time.textContent = text;
  }
}

export const number = (value) => value.toLocaleString("en");

export function percent(share) {
  if (share === undefined) return "–";
  const value = share * 100;
  // Never "100 %" for what is not all.
  return `${value > 99 && value < 100 ? value.toFixed(1) : Math.floor(value)} %`;
}

export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** `1 week`, `12 h`: of a policy's max_age. */
export const seconds = (value) => roughly(value * 1_000);

export function bytes(value) {
  if (value < 1_024) return `${value} B`;
  return value < 1_048_576 ? `${Math.round(value / 1_024)} KiB` : `${(value / 1_048_576).toFixed(1)} MiB`;
}
