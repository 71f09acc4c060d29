/** Memory of processes: PSS, so that what several share is counted once. */
import { readFileSync } from "node:fs";

export function memoryMiB(pids: number[]): number {
  return pids.reduce((sum, pid) => sum + pssKiB(pid), 0) / 1_024;
}

function pssKiB(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
  } catch {
    // It has just ended.
    return 0;
  }
}

/** Looks again and again until disposed of; `peak` is the most that was seen. */
export function watchMemory(pids: () => number[], everyMs = 700): Disposable & { peakMiB(): number } {
  let peak = 0;
  const look = () => {
    peak = Math.max(peak, memoryMiB(pids()));
  };
  const timer = setInterval(look, everyMs);
  return {
    peakMiB: () => {
      look();
      return peak;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
