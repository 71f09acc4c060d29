/**
 * Opens the lab, writes the configuration for a relay in it, and runs one.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { loadOrCreateAuthority } from "../lab/authority.ts";
import { COMMAND_LAB, startLab, type Lab } from "../lab/lab.ts";
import { EXIT_UNAVAILABLE, StartError } from "../relay/start-error.ts";
import { EXIT } from "./exit-codes.ts";
import { labConfig } from "./lab-config.ts";
import { type LabRelay, startLabRelay, takeTour } from "./lab-tour.ts";
import { watchStopSignals } from "./stop-signals.ts";

export type LabRun = {
  dir: string;
  /** Where the relay takes mail. */
  port: number;
  /** Run a relay, and send a message to every domain. */
  relay: boolean;
  /** End after the messages. */
  exit: boolean;
  /** Where the lab's servers listen. Default: those of `COMMAND_LAB`. */
  ports?: { dns: number; https: number; smtp: number };
};

/** Makes the authority that a lab in `dir` will have, for a relay that starts before the lab. */
export async function makeAuthority(dir: string): Promise<number> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await loadOrCreateAuthority(dir);
  return EXIT.ok;
}

/** Answers with the exit code. Throws a `StartError` when something is not there. */
export async function runLab({ dir, port, relay: withRelay, exit, ports }: LabRun): Promise<number> {
  using signals = watchStopSignals();
  await using lab = await openLab(resolve(dir), ports ?? COMMAND_LAB.ports);
  const config = await writeFiles(lab, resolve(dir), port);
  if (!withRelay) {
    process.stdout.write(introduction(lab, config));
    await signals.first;
    return EXIT.ok;
  }
  await using relay = await startLabRelay(config, resolve(dir, "relay.log"));
  const allRight = await takeTour(lab, relay, signals.first);
  if (allRight === undefined) return EXIT.interrupted;
  if (exit) return allRight ? EXIT.ok : EXIT.failed;
  process.stdout.write(whatNext(relay, relative(process.cwd(), relay.logFile)));
  relay.showLog();
  await signals.first;
  return EXIT.ok;
}

async function openLab(dir: string, ports: NonNullable<LabRun["ports"]>): Promise<Lab> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    return await startLab({ ...COMMAND_LAB, ports, dir });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError(`the lab cannot be started: ${why}`, EXIT_UNAVAILABLE, { cause: error });
  }
}

/** The configuration's path. */
async function writeFiles(lab: Lab, dir: string, port: number): Promise<string> {
  const caFile = resolve(dir, "ca.pem");
  const file = resolve(dir, "relay.yaml");
  await writeFile(caFile, lab.settings.caPem);
  await writeFile(file, labConfig({ ...lab.settings, caFile, redisDir: resolve(dir, "redis"), port }));
  return file;
}

function introduction(lab: Lab, config: string): string {
  const width = Math.max(...lab.domains.map(({ name }) => name.length));
  const domains = lab.domains.map(({ name, shows }) => `  ${name.padEnd(width)}  ${shows}\n`).join("");
  const file = relative(process.cwd(), config);
  return `The lab is open. Mail can go to any address in these domains:\n\n${domains}
A relay for it, in another terminal:\n\n  scripts/start --config ${file}\n\nCtrl-C closes the lab.\n`;
}

function whatNext({ address, admin }: Pick<LabRelay, "address" | "admin">, logFile: string): string {
  const page = admin === undefined ? "" : `, or on its page http://${admin.host}:${admin.port}/`;
  return `
The relay goes on running. Send it a message and see what becomes of it, here or in ${logFile}${page}:

  swaks --server ${address.host}:${address.port} --from you@example.test --to user@good-enforce.test

Ctrl-C ends it.

`;
}
