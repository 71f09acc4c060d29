/** This relay under measurement: as it is set up by default, with a Redis of its own, in one process or several. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Programs } from "../programs.ts";
import { DNS_ADDRESS } from "../world.ts";
import { greets, type RunningRelay, SUBMISSION_PORT, type Surroundings } from "./kind.ts";

const LAUNCHER = fileURLToPath(new URL("../../../../src/sts-relay.js", import.meta.url));
const relayCommand = (...words: string[]) => [process.execPath, LAUNCHER, ...words];

/**
 * Messages through each process: it is compiled while it runs, and one behind the first 5,000 still costs a tenth more
 * than one behind 20,000.
 */
export const COMPILED_AFTER = 12_000;

export type RunningStsRelay = RunningRelay & {
  pid: number;
  /** A command of `sts-relay` about this relay. Resolves to what it prints. */
  command(...words: string[]): Promise<string>;
  /** The answer of its Redis to a command. */
  redis(...words: string[]): Promise<string>;
};

export async function startStsRelay(processes: number, surroundings: Surroundings): Promise<RunningStsRelay> {
  const { programs, scratch, world } = surroundings;
  const dir = join(scratch, "relay");
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  const configFile = join(dir, "relay.yaml");
  const config = {
    hostname: "relay.test",
    submission: { listeners: [{ host: "127.0.0.1", port: SUBMISSION_PORT }] },
    dns: { servers: [DNS_ADDRESS] },
    network: { allow: ["127.0.0.0/8"] },
    tls: { caFile: world.caFile },
    redis: { dir: join(dir, "redis") },
  };
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify(config));
  const options = (await offersProcesses(programs)) ? ["--processes", String(processes)] : [];
  const program = programs.start("relay", relayCommand("start", "--config", configFile, ...options), {
    cwd: dir,
    log: join(dir, "relay.log"),
  });
  await greets(SUBMISSION_PORT);
  return {
    port: SUBMISSION_PORT,
    warmUpMessages: COMPILED_AFTER * processes,
    pid: program.pid,
    command: (...words) =>
      programs.run("world", relayCommand(...words, "--config", configFile), { cwd: dir, limitMs: 300_000 }),
    redis: (...words) => programs.run("world", ["redis-cli", "-s", join(dir, "redis/redis.sock"), ...words]),
    // SIGINT a second time is "at once"; what it still had is of no interest.
    stop: async () => {
      program.child.kill("SIGTERM");
      await program.stop("SIGTERM", 10_000);
    },
  };
}

let offered: Promise<boolean> | undefined;

/** Whether `start` can run several processes. */
export function offersProcesses(programs: Programs): Promise<boolean> {
  offered ??= programs.run("world", relayCommand("start", "--help")).then((help) => help.includes("--processes"));
  return offered;
}
