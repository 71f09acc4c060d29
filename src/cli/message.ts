/** `sts-relay message`: what became of a message, and why. */
import { CONFIG_OPTION, defineCommand } from "./command.ts";
import { JSON_OPTION } from "./queue-options.ts";

export const messageCommand = defineCommand({
  name: "message",
  summary: "tell what became of a message, and why",
  details:
    "ID is the queue id, as in `250 2.0.0 queued as ID` and in the log, or the Message-ID. Messages are\n" +
    "remembered for history.retention. Exit code 1: nothing is known of it.",
  options: { config: CONFIG_OPTION, json: JSON_OPTION },
  operands: { name: "ID" },
  async run({ json = false, ...where }, [id = ""]) {
    const { showMessage } = await import("./show-message.ts");
    return showMessage(where, id, json);
  },
});
