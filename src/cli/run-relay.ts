/**
 * The relay as a process: started from its configuration, stopped by signals.
 */
import type { Config } from "../config/config.ts";
import { problemLine } from "../config/problem.ts";
import { createEvents, type Events } from "../observe/events.ts";
import { createLog } from "../observe/log.ts";
import { type Relay, startRelay } from "../relay/relay.ts";
import { EXIT_UNAVAILABLE, StartError } from "../relay/start-error.ts";
import { StoreError } from "../store/store-error.ts";
import { checkConfig, whereToLoad } from "./checked-config.ts";
import { EXIT } from "./exit-codes.ts";
import { watchReloadSignal } from "./reload-signal.ts";
import { watchStopSignals } from "./stop-signals.ts";

/** Answers with the exit code once the relay has stopped. Throws a `StartError` when it cannot start. */
export async function startFrom(file: string | undefined): Promise<number> {
  const { config, errors, warnings } = await checkConfig(whereToLoad(file));
  if (config === undefined) {
    for (const problem of errors) process.stderr.write(`${problemLine(problem)}\n`);
    return EXIT.config;
  }
  return runRelay(config, warnings.map(problemLine), file);
}

async function runRelay(config: Config, warnings: string[], file: string | undefined): Promise<number> {
  const log = createLog(config.log);
  const events = createEvents(log);
  for (const warning of warnings) events.configurationProblem(warning);
  // A signal that comes while the relay starts is kept until it has.
  using signals = watchStopSignals();
  const started = startRelay(config, { log }).catch(whyNotStarted);
  using _ = watchReloadSignal(() => reload(started, file, events));
  const relay = await started;
  events.stopping({ signal: await signals.first });
  await relay.stop();
  return EXIT.ok;
}

/** A Redis that goes away while the relay starts is a fault of the surroundings: a service manager tries again. */
function whyNotStarted(error: unknown): never {
  if (!(error instanceof StoreError)) throw error;
  throw new StartError(error.message, EXIT_UNAVAILABLE, { cause: error });
}

/** A configuration with something wrong in it changes nothing. */
async function reload(started: Promise<Relay>, file: string | undefined, events: Events): Promise<void> {
  try {
    const relay = await started;
    const { config, errors, warnings } = await checkConfig(whereToLoad(file));
    for (const problem of [...errors, ...warnings]) events.configurationProblem(problemLine(problem));
    if (config === undefined) events.configurationRefused({ errors: errors.length });
    else await relay.reload(config);
  } catch (err) {
    events.fault({ where: "reload", err });
  }
}
