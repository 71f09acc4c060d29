/** All that measurements happen in, from the folder that the launcher made. */
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { type CpuSource, openCpuMeter } from "./cpu.ts";
import { createPrograms } from "./programs.ts";
import type { Surroundings } from "./relays/kind.ts";
import { startWorld } from "./world.ts";

/** Processes end with this one: the launcher gave it a process namespace. */
export async function openSurroundings(cpu: CpuSource, limitSeconds: number): Promise<Surroundings> {
  const scratch = process.env["BENCH_SCRATCH"];
  if (scratch === undefined) throw new Error("run scripts/bench, which makes the network that this needs");
  await mkdir(scratch, { recursive: true });
  const meter = openCpuMeter(cpu, basename(scratch), join(scratch, "cgroups"));
  const programs = createPrograms(meter);
  return { programs, meter, scratch, world: await startWorld({ programs, scratch }, limitSeconds) };
}
