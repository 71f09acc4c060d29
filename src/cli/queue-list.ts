/** `sts-relay queue list` and `sts-relay queue show`. */
import { CONFIG_OPTION, defineCommand } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { ID_OPERANDS, JSON_OPTION, readSelection, SELECTION_OPTIONS } from "./queue-options.ts";
import { readLimit } from "./read-limit.ts";

const DEFAULT_LIMIT = 50;

export const queueListCommand = defineCommand({
  name: "queue list",
  summary: "list deliveries that wait, the oldest first",
  details: "All, or those that the options name. Exit code 1: there are none.",
  options: {
    ...SELECTION_OPTIONS,
    limit: { type: "string", value: "N", says: `deliveries to show (default: ${DEFAULT_LIMIT})` },
  },
  operands: ID_OPERANDS,
  async run(values, ids) {
    const read = readSelection(values, ids);
    const most = readLimit(values.limit, DEFAULT_LIMIT);
    const wrong = "wrong" in read ? read.wrong : typeof most === "number" ? undefined : most.wrong;
    if ("wrong" in read || typeof most !== "number") {
      process.stderr.write(`sts-relay queue list: ${wrong}\n`);
      return EXIT.usage;
    }
    const { listQueue } = await import("./show-queue.ts");
    return listQueue(values, read.selection, most, values.json ?? false);
  },
});

export const queueShowCommand = defineCommand({
  name: "queue show",
  summary: "show a queued message as it is kept",
  details:
    "Recipients, times, attempts and the header section of a message that waits. What became of it so\n" +
    "far, in plain words, is told by `sts-relay message`. Exit code 1: it is not in the queue.",
  options: { config: CONFIG_OPTION, json: JSON_OPTION },
  operands: { name: "ID" },
  async run({ json = false, ...where }, [id = ""]) {
    const { showQueued } = await import("./show-queue.ts");
    return showQueued(where, id, json);
  },
});
