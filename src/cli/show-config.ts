/**
 * Shows what a configuration would run, or everything that is wrong with it.
 */
import { problemLine, settingName } from "../config/problem.ts";
import { checkConfig, whereToLoad, type CheckedConfig } from "./checked-config.ts";
import { configSummary } from "./config-summary.ts";
import { EXIT } from "./exit-codes.ts";

/** Answers with the exit code. */
export async function showConfig(file: string | undefined, json: boolean): Promise<number> {
  const checked = await checkConfig(whereToLoad(file));
  if (json) process.stdout.write(`${JSON.stringify(asJson(checked), undefined, 2)}\n`);
  else printForPeople(checked);
  return checked.config === undefined ? EXIT.config : EXIT.ok;
}

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
