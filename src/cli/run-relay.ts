/**
 * The relay as a process: started from its configuration, stopped by signals.
 */
import type { Config } from "../config/config.ts";
import { problemLine } from "../config/problem.ts";
import { createEvents } from "../observe/events.ts";
import { createLog } from "../observe/log.ts";
import { startRelay } from "../relay/relay.ts";
import { checkConfig, whereToLoad } from "./checked-config.ts";
import { EXIT } from "./exit-codes.ts";
import { watchStopSignals } from "./stop-signals.ts";

/** Answers with the exit code once the relay has stopped. Throws a `StartError` when it cannot start. */
export async function startFrom(file: string | undefined): Promise<number> {
  const { config, errors, warnings } = await checkConfig(whereToLoad(file));
  if (config === undefined) {
    for (const problem of errors) process.stderr.write(`${problemLine(problem)}\n`);
    return EXIT.config;
  }
  return runRelay(config, warnings.map(problemLine));
}

async function runRelay(config: Config, warnings: string[]): Promise<number> {
  const log = createLog(config.log);
  const events = createEvents(log);
  for (const warning of warnings) log.warn({ event: "configuration" }, warning);
  // A signal that comes while the relay starts is kept until it has.
  using signals = watchStopSignals();
  const relay = await startRelay(config, { log });
  const reload = () => {
    relay.reload().catch((err: unknown) => events.fault({ where: "reload", err }));
  };
  process.on("SIGHUP", reload);
  try {
    events.stopping({ signal: await signals.first });
    await relay.stop();
  } finally {
    process.off("SIGHUP", reload);
  }
  return EXIT.ok;
}
