/** `sts-relay start`: runs the relay until it is told to stop. */
import { CONFIG_OPTION, defineCommand } from "./command.ts";

const options = {
  config: CONFIG_OPTION,
  role: { type: "string", value: "ROLE", says: "all, submission or delivery (setting: role)" },
  processes: { type: "string", value: "N", says: "how many processes do the work (setting: processes; default: 1)" },
} as const;

export const startCommand = defineCommand({
  name: "start",
  summary: "run the relay",
  details:
    "Runs until SIGTERM or SIGINT (Ctrl-C): then it takes no more mail and lets deliveries under way\n" +
    "end, for shutdown.grace at most. What is not delivered waits in Redis. A second signal ends it\n" +
    "at once (exit code 143 or 130). SIGHUP reads configuration and certificates again; the log says\n" +
    "what is in force from then on, and what needs a restart.\n\n" +
    "--processes N uses N cores: each process takes mail and delivers it. A main process beside them\n" +
    "has the relay's own Redis, the admin port, the policy server and what is done by the clock; it\n" +
    "hears the signals, and starts a process that has ended again.\n\n" +
    "--role is for several machines over one Redis (redis.url): submission takes mail and delivers\n" +
    "none, delivery delivers what others took and takes none.",
  options,
  async run({ config, role, processes }) {
    const { startFrom } = await import("./run-relay.ts");
    return startFrom({
      file: config,
      flags: { ...(role === undefined ? {} : { role }), ...(processes === undefined ? {} : { processes }) },
    });
  },
});
