/**
 * The relay of the lab, and the tour of the lab's domains through it.
 */
import { problemLine } from "../config/problem.ts";
import type { Lab } from "../lab/lab.ts";
import { renderTable } from "../lab/table.ts";
import { runTour } from "../lab/tour.ts";
import { createEvents } from "../observe/events.ts";
import { watchOutcomes, type OutcomeWatch } from "../relay/outcomes.ts";
import { startRelay } from "../relay/relay.ts";
import { StartError } from "../relay/start-error.ts";
import { checkConfig } from "./checked-config.ts";
import { EXIT } from "./exit-codes.ts";
import { createLabLog } from "./lab-log.ts";

export type LabRelay = {
  address: { host: string; port: number };
  /** Of its page; absent where another program has the port. */
  admin?: { host: string; port: number };
  settled(message: string, domain: string): ReturnType<OutcomeWatch["settled"]>;
  logFile: string;
  /** From now on the log is shown on the terminal too. */
  showLog(): void;
  [Symbol.asyncDispose](): Promise<void>;
};

/** A relay with the configuration in `file`, and a Redis of its own. Throws a `StartError`. */
export async function startLabRelay(file: string, logFile: string): Promise<LabRelay> {
  // REDIS_URL is meant for the real relay: the lab's mail does not belong there.
  const { REDIS_URL: _, ...env } = process.env;
  const { config, errors } = await checkConfig({ file, env, cwd: process.cwd() });
  if (config === undefined) throw new StartError(errors.map(problemLine).join("\n"), EXIT.config);
  const { log, show } = createLabLog(logFile, config.log.level);
  const watch = watchOutcomes(createEvents(log));
  const relay = await startRelay(config, { log, events: watch.events });
  const [address] = relay.addresses;
  if (address === undefined) throw new Error("the relay listens nowhere");
  return {
    address,
    ...(relay.admin === undefined ? {} : { admin: relay.admin }),
    settled: (message, domain) => watch.settled(message, domain),
    logFile,
    showLog: show,
    [Symbol.asyncDispose]: () => relay.stop(),
  };
}

/** Prints the table. Answers whether every message fared as it must; `undefined` when `stopped` came first. */
export async function takeTour(lab: Lab, relay: LabRelay, stopped: Promise<unknown>): Promise<boolean | undefined> {
  const { stdout } = process;
  const steps = lab.domains.reduce((sum, { next }) => sum + (next === undefined ? 1 : 2), 0);
  const stop = new AbortController();
  void stopped.then(() => stop.abort());
  stdout.write(`Sending ${steps} messages through ${relay.address.host}:${relay.address.port}.\n\n`);
  try {
    const rows = await runTour({
      lab,
      smtp: relay.address,
      settled: (message, domain) => relay.settled(message, domain),
      signal: stop.signal,
      onRow: countOn(process.stderr, steps),
    });
    stdout.write(renderTable(rows, { width: stdout.columns ?? 120, colour: stdout.isTTY && stdout.hasColors() }));
    return rows.every(({ problem }) => problem === undefined);
  } catch (error) {
    if (stop.signal.aborted) return undefined;
    throw error;
  }
}

/** Counts in place on a terminal, and takes the line away in the end. */
function countOn(terminal: NodeJS.WriteStream, steps: number): () => void {
  let done = 0;
  return () => {
    done += 1;
    if (terminal.isTTY) terminal.write(done === steps ? "\r\u001B[K" : `\r${done} of ${steps}`);
  };
}
