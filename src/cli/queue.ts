/** `sts-relay queue`: what waits, by destination, and the commands that change it. */
import { CONFIG_OPTION, defineCommand } from "./command.ts";
import { JSON_OPTION } from "./queue-options.ts";
import { queueListCommand, queueShowCommand } from "./queue-list.ts";
import { QUEUE_CHANGE_COMMANDS } from "./queue-change.ts";
import { readLimit } from "./read-limit.ts";
import { EXIT } from "./exit-codes.ts";

const DEFAULT_LIMIT = 30;

export const queueCommand = defineCommand({
  name: "queue",
  summary: "show what waits, and steer it",
  details:
    "Shows how many deliveries wait, and a table by destination. One message to three domains is\n" +
    "three deliveries.",
  options: {
    config: CONFIG_OPTION,
    limit: { type: "string", value: "N", says: `destinations to show (default: ${DEFAULT_LIMIT})` },
    json: JSON_OPTION,
  },
  subcommands: [queueListCommand, queueShowCommand, ...QUEUE_CHANGE_COMMANDS],
  async run({ json = false, limit, ...where }) {
    const most = readLimit(limit, DEFAULT_LIMIT);
    if (typeof most !== "number") {
      process.stderr.write(`sts-relay queue: ${most.wrong}\n`);
      return EXIT.usage;
    }
    const { showOverview } = await import("./show-queue.ts");
    return showOverview(where, most, json);
  },
});
