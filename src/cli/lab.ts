/** `sts-relay lab`: a small internet on loopback, and a relay in it. */
import { mkdir, writeFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { COMMAND_LAB, startLab, type Lab } from "../lab/lab.ts";
import { StartError } from "../relay/start-error.ts";
import { defineCommand, type Values } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { labConfig } from "./lab-config.ts";
import { startLabRelay, takeTour } from "./lab-tour.ts";
import { watchStopSignals } from "./stop-signals.ts";

const options = {
  dir: { type: "string", value: "DIR", says: "where to keep its files (default: data/lab)" },
  relay: { type: "boolean", says: "run a relay in it too, and send a message to every domain" },
  port: { type: "string", value: "PORT", says: "where that relay takes mail (default: 2525)" },
  exit: { type: "boolean", says: "with --relay: end after the messages, with 1 if one fared wrongly" },
} as const;

const DEFAULT_PORT = "2525";

export const labCommand = defineCommand({
  name: "lab",
  summary: "try the relay on a small internet of its own",
  details:
    "Starts a DNS server, policy hosts and mail hosts on loopback addresses. Each of their domains\n" +
    "shows one thing that happens to mail: a good policy, a wrong certificate, a man in the middle.\n" +
    "DIR/relay.yaml configures a relay for it. Needs no root. Ends on Ctrl-C.",
  options,
  async run(values) {
    const wrong = problemWith(values);
    if (wrong !== undefined) {
      process.stderr.write(`sts-relay lab: ${wrong}\n`);
      return EXIT.usage;
    }
    const dir = resolve(values.dir ?? "data/lab");
    using signals = watchStopSignals();
    await using lab = await openLab(dir);
    const config = await writeFiles(lab, dir, Number(values.port ?? DEFAULT_PORT));
    if (!values.relay) {
      process.stdout.write(introduction(lab, config));
      await signals.first;
      return EXIT.ok;
    }
    await using relay = await startLabRelay(config, resolve(dir, "relay.log"));
    const allRight = await takeTour(lab, relay, signals.first);
    if (allRight === undefined) return EXIT.interrupted;
    if (values.exit) return allRight ? EXIT.ok : EXIT.failed;
    process.stdout.write(whatNext(relay.address, relative(process.cwd(), relay.logFile)));
    relay.showLog();
    await signals.first;
    return EXIT.ok;
  },
});

function problemWith({ port = DEFAULT_PORT, relay, exit }: Values<typeof options>): string | undefined {
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) return `--port ${port} is not a port from 0 to 65535`;
  return exit && !relay ? "--exit goes with --relay" : undefined;
}

async function openLab(dir: string): Promise<Lab> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    return await startLab({ ...COMMAND_LAB, dir });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError(`the lab cannot be started: ${why}`, EXIT.unavailable, { cause: error });
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

function whatNext(relay: { host: string; port: number }, logFile: string): string {
  return `
The relay goes on running. Send it a message and see what becomes of it, here or in ${logFile}:

  swaks --server ${relay.host}:${relay.port} --from you@example.test --to user@good-enforce.test

Ctrl-C ends it.

`;
}
