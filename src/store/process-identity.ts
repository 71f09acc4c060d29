/**
 * Who a process is, beyond its number. Numbers are used again after a crash or
 * in a new container, and then name a stranger that must not be waited for or
 * killed.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

export type ProcessIdentity = {
  pid: number;
  /** When it started, in whatever form the system gives. Only good for comparing. */
  startedAt: string;
};

/** `undefined`: there is no such process, or it is a zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  if (!isAlive(pid)) return undefined;
  const startedAt = existsSync("/proc/self/stat") ? startedByProc(pid) : startedByPs(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export function isSame(remembered: ProcessIdentity): boolean {
  return identify(remembered.pid)?.startedAt === remembered.startedAt;
}

/** Resolves to whether it ended in time. */
export async function hasEnded(process: ProcessIdentity, limitMs: number): Promise<boolean> {
  const until = Date.now() + limitMs;
  while (isSame(process)) {
    if (Date.now() >= until) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (err) {
    // EPERM: there, but not ours.
    return err instanceof Error && "code" in err && err.code === "EPERM";
  }
}

/** Linux: field 22 of stat, in clock ticks since boot. The name before it may hold blanks and brackets. */
function startedByProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" ? undefined : fields[18];
  } catch {
    return undefined;
  }
}

function startedByPs(pid: number): string | undefined {
  try {
    const out = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8", timeout: 5_000 });
    return out.trim() || undefined;
  } catch {
    return undefined;
  }
}
