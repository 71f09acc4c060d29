/**
 * The relay as a process: started from its configuration, stopped by signals.
 */
import type { Config } from "../config/config.ts";
import { problemLine } from "../config/problem.ts";
import { createEvents, type Events } from "../observe/events.ts";
import { createLog, type Logger } from "../observe/log.ts";
import { wholeLines } from "../observe/whole-lines.ts";
import { mainDuties } from "../relay/duties.ts";
import { type Relay, startRelay } from "../relay/relay.ts";
import { checkConfig, whereToLoad } from "./checked-config.ts";
import { EXIT } from "./exit-codes.ts";
import { watchReloadSignal } from "./reload-signal.ts";
import { watchStopSignals } from "./stop-signals.ts";
import { whyNotStarted } from "./why-not-started.ts";

/** Where the configuration comes from: a file, or the usual one, and options of the command line over it. */
export type From = { file: string | undefined; flags: Record<string, string> };

/** Answers with the exit code once the relay has stopped. Throws a `StartError` when it cannot start. */
export async function startFrom(from: From): Promise<number> {
  const { config, errors, warnings } = await checkConfig(whereToLoad(from.file, from.flags));
  if (config === undefined) {
    for (const problem of errors) process.stderr.write(`${problemLine(problem)}\n`);
    return EXIT.config;
  }
  return runRelay(config, warnings.map(problemLine), from);
}

async function runRelay(config: Config, warnings: string[], from: From): Promise<number> {
  const log = logOf(config);
  const events = createEvents(log);
  for (const warning of warnings) events.configurationProblem(warning);
  // A signal that comes while the relay starts is kept until it has.
  using signals = watchStopSignals();
  const started = start(config, log).catch(whyNotStarted);
  using _ = watchReloadSignal(() => reload(started, from, events));
  const relay = await started;
  events.stopping({ signal: await signals.first });
  await relay.stop();
  return EXIT.ok;
}

/** As one process, or as one beside which others do the work. */
function start(config: Config, log: Logger): Promise<Relay> {
  if (config.processes === 1) return startRelay(config, { log });
  return startRelay(config, { log, duties: mainDuties(config.role), withCrew: true });
}

function logOf({ log, processes }: Config): Logger {
  if (processes === 1) return createLog(log);
  return createLog({ ...log, ...wholeLines(log) }).child({ process: "main" });
}

/** A configuration with something wrong in it changes nothing. */
async function reload(started: Promise<Relay>, { file, flags }: From, events: Events): Promise<void> {
  try {
    const relay = await started;
    const { config, errors, warnings } = await checkConfig(whereToLoad(file, flags));
    for (const problem of [...errors, ...warnings]) events.configurationProblem(problemLine(problem));
    if (config === undefined) events.configurationRefused({ errors: errors.length });
    else await relay.reload(config);
  } catch (err) {
    events.fault({ where: "reload", err });
  }
}
