/** What a measurement asks of a relay, whichever it is. */
import { once } from "node:events";
import { createConnection } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { CpuMeter } from "../cpu.ts";
import type { Programs } from "../programs.ts";
import type { World } from "../world.ts";

/**
 * `postfix:default`, `postfix:tuned`, `postfix:best`; `relay:1`, `relay:2`: with so many processes; `parts`: the
 * libraries of this relay with nothing around them.
 */
export type RelayName = `postfix:${PostfixVariant}` | `relay:${number}` | "parts";
export type PostfixVariant = "default" | "tuned" | "best";

export type Surroundings = {
  programs: Programs;
  meter: CpuMeter;
  scratch: string;
  world: World;
};

export type RunningRelay = {
  port: number;
  /** So many go through it before it is measured. */
  warmUpMessages: number;
  stop(): Promise<void>;
};

export const SUBMISSION_PORT = 2525;

/** Resolves when a greeting comes. */
export async function greets(port: number, limitMs = 30_000): Promise<void> {
  for (const until = Date.now() + limitMs; Date.now() < until; await sleep(100)) {
    const socket = createConnection({ host: "127.0.0.1", port });
    const greeting = once(socket, "data", { signal: AbortSignal.timeout(2_000) }).catch(() => []);
    socket.on("error", () => undefined);
    const [data] = (await greeting) as [Buffer?];
    socket.destroy();
    if (data?.toString("latin1").startsWith("220") === true) return;
  }
  throw new Error(`nothing greets at port ${port}`);
}
