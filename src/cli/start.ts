/** `sts-relay start`: runs the relay until it is told to stop. */
import { CONFIG_OPTION, defineCommand } from "./command.ts";

export const startCommand = defineCommand({
  name: "start",
  summary: "run the relay",
  details:
    "Runs until SIGTERM or SIGINT (Ctrl-C): then it takes no more mail and lets deliveries under way\n" +
    "end, for shutdown.grace at most. What is not delivered waits in Redis. A second signal ends it\n" +
    "at once (exit code 143 or 130). SIGHUP reads configuration and certificates again; the log says\n" +
    "what is in force from then on, and what needs a restart.",
  options: { config: CONFIG_OPTION },
  async run({ config }) {
    const { startFrom } = await import("./run-relay.ts");
    return startFrom(config);
  },
});
