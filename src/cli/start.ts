/** `sts-relay start`: runs the relay until it is told to stop. */
import type { Config } from "../config/config.ts";
import { problemLine } from "../config/problem.ts";
import { createEvents } from "../observe/events.ts";
import { createLog } from "../observe/log.ts";
import { startRelay } from "../relay/relay.ts";
import { checkConfig, CONFIG_OPTION, whereToLoad } from "./checked-config.ts";
import { defineCommand } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { watchStopSignals } from "./stop-signals.ts";

export const startCommand = defineCommand({
  name: "start",
  summary: "run the relay",
  details:
    "Runs until SIGTERM or SIGINT (Ctrl-C): then it takes no more mail and lets deliveries under way\n" +
    "end, for shutdown.grace at most. What is not delivered waits in Redis. A second signal ends it\n" +
    "at once (exit code 143 or 130). SIGHUP reads the certificates again.",
  options: { config: CONFIG_OPTION },
  async run({ config: file }) {
    const { config, errors, warnings } = await checkConfig(whereToLoad(file));
    if (config === undefined) {
      for (const problem of errors) process.stderr.write(`${problemLine(problem)}\n`);
      return EXIT.config;
    }
    return runRelay(config, warnings.map(problemLine));
  },
});

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
