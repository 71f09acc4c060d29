/** `sts-relay check-config`: what is wrong with the configuration, or what it would run. */
import { CONFIG_OPTION, defineCommand } from "./command.ts";

export const checkConfigCommand = defineCommand({
  name: "check-config",
  summary: "look at the configuration without starting anything",
  details:
    "Reads the file and the environment as `start` does, and shows every problem with its place,\n" +
    "or else what would run. Connects to nothing.",
  options: {
    config: CONFIG_OPTION,
    json: { type: "boolean", says: "print one JSON object on standard output" },
  },
  async run({ config, json = false }) {
    const { showConfig } = await import("./show-config.ts");
    return showConfig(config, json);
  },
});
