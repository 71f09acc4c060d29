/** `sts-relay check-config`: what is wrong with the configuration, or what it would run. */
import { problemLine, settingName } from "../config/problem.ts";
import { checkConfig, CONFIG_OPTION, whereToLoad, type CheckedConfig } from "./checked-config.ts";
import { defineCommand } from "./command.ts";
import { configSummary } from "./config-summary.ts";
import { EXIT } from "./exit-codes.ts";

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
  async run({ config: file, json }) {
    const checked = await checkConfig(whereToLoad(file));
    if (json) process.stdout.write(`${JSON.stringify(asJson(checked), undefined, 2)}\n`);
    else printForPeople(checked);
    return checked.config === undefined ? EXIT.config : EXIT.ok;
  },
});

function printForPeople({ config, errors, warnings, sources }: CheckedConfig): void {
  for (const problem of [...errors, ...warnings]) process.stderr.write(`${problemLine(problem)}\n`);
  if (config === undefined) return;
  const summary = configSummary(config, sources).map(([label, text]) => `  ${label.padEnd(16)} ${text}\n`);
  process.stdout.write(`ok: this configuration can be used\n${summary.join("")}`);
}

function asJson({ config, errors, warnings, sources }: CheckedConfig) {
  const problems = [...errors, ...warnings].map(({ severity, place, path, what, right }) => ({
    severity,
    place,
    setting: settingName(path),
    what,
    right,
  }));
  const summary = config === undefined ? undefined : Object.fromEntries(trimmed(configSummary(config, sources)));
  return { ok: config !== undefined, problems, sources, summary };
}

const trimmed = (lines: [string, string][]) => lines.map(([label, text]) => [label.trim(), text]);
