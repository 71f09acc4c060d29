/**
 * The configuration, loaded and looked at as a whole: all that is wrong with it
 * is found at once.
 */
import type { Config } from "../config/config.ts";
import { readConfig, type LoadOptions, type Sources } from "../config/load.ts";
import type { PlacedProblem } from "../config/problem.ts";
import { configProblems } from "../relay/check.ts";

export type CheckedConfig = {
  /** `undefined` when there are errors. */
  config: Config | undefined;
  errors: PlacedProblem[];
  warnings: PlacedProblem[];
  sources: Sources;
};

export async function checkConfig(options: LoadOptions): Promise<CheckedConfig> {
  const draft = readConfig(options);
  const problems = [...draft.problems, ...draft.place(await configProblems(draft.config))];
  const errors = problems.filter(({ severity }) => severity === "error");
  return {
    config: errors.length === 0 ? draft.config : undefined,
    errors,
    warnings: problems.filter(({ severity }) => severity === "warning"),
    sources: draft.sources,
  };
}

/** Where to look, for a command that was given `file`, or none, and settings as options. */
export function whereToLoad(file: string | undefined, flags: Record<string, string> = {}): LoadOptions {
  return { env: process.env, cwd: process.cwd(), flags, ...(file === undefined ? {} : { file }) };
}
