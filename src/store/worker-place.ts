/**
 * Where a worker runs, told so exactly that another process on the same machine
 * can find out for sure that it has died. From elsewhere, or from within another
 * container, nothing is known of it.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { identify, isSame } from "./process-identity.ts";

/** Process numbers mean the same to all processes of one boot and one namespace, and to nobody else. */
function namespace(): string | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return `${boot}/${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    // Not Linux.
    return undefined;
  }
}

/** Of this process. `""`: it cannot be told. */
export function ownPlace(): string {
  const where = namespace();
  const who = identify(process.pid);
  return where === undefined || who === undefined ? "" : `${where} ${who.pid} ${who.startedAt}`;
}

/** `true` only when it is certain. */
export function isDead(place: string): boolean {
  const [where, pid, startedAt] = place.split(" ");
  if (where === undefined || pid === undefined || startedAt === undefined || where !== namespace()) return false;
  return !isSame({ pid: Number(pid), startedAt });
}
