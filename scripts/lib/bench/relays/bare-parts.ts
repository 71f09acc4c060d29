/** The parts of this relay with nothing around them: see `bare-parts-program.ts`. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DNS_ADDRESS } from "../world.ts";
import { greets, type RunningRelay, SUBMISSION_PORT, type Surroundings } from "./kind.ts";
import { COMPILED_AFTER } from "./sts-relay.ts";

const PROGRAM = fileURLToPath(new URL("bare-parts-program.ts", import.meta.url));

/** Those that the relay gives itself: see `sts-relay.js`. */
const V8_FLAGS = [
  "--max-semi-space-size=32",
  "--min-semi-space-size=16",
  "--no-allocation-site-pretenuring",
  "--external-memory-accounted-in-global-limit",
  "--heap-growing-percent=300",
  "--no-maglev",
];

export async function startBareParts(
  { programs, scratch, world }: Surroundings,
  enforcesPolicies: boolean,
): Promise<RunningRelay> {
  const dir = join(scratch, "parts");
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  const args = [dir, String(SUBMISSION_PORT), DNS_ADDRESS, world.caFile, enforcesPolicies ? "tls" : "plain"];
  const program = programs.start("relay", [process.execPath, ...V8_FLAGS, PROGRAM, ...args], {
    cwd: dir,
    log: join(dir, "parts.log"),
  });
  await greets(SUBMISSION_PORT);
  return { port: SUBMISSION_PORT, warmUpMessages: COMPILED_AFTER, stop: () => program.stop("SIGTERM", 10_000) };
}
