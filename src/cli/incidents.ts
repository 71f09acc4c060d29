/** `sts-relay incidents`: what an operator should look at. */
import { CONFIG_OPTION, defineCommand } from "./command.ts";
import { JSON_OPTION } from "./queue-options.ts";

export const incidentsCommand = defineCommand({
  name: "incidents",
  summary: "show what needs a look: weaker policies, failing refreshes, ending certificates",
  details:
    "One line for each domain (or MX host) and cause, with how often it was met. They close by\n" +
    "themselves when the cause is gone. Exit code 1: some are open.",
  options: {
    all: { type: "boolean", says: "those that are over, too" },
    config: CONFIG_OPTION,
    json: JSON_OPTION,
  },
  async run({ all = false, json = false, ...where }) {
    const { showIncidents } = await import("./show-incidents.ts");
    return showIncidents(where, all, json);
  },
});
