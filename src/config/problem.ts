/**
 * What is wrong with a configuration, said so that it can be put right:
 * where, what, and what would be right.
 */

/** Keys and list indexes from the root to a setting. */
export type SettingPath = readonly (string | number)[];

export type Problem = {
  severity: "error" | "warning";
  path: SettingPath;
  /** What is wrong. Never holds a secret setting's value. */
  what: string;
  /** What would be right. */
  right: string;
};

export type PlacedProblem = Problem & {
  /** Where it is set: `config/relay.yaml:12`, or an environment variable's name. `""` where it is set nowhere. */
  place: string;
};

/** The configuration cannot be used. Holds every problem found, not only the first. */
export class ConfigError extends Error {
  readonly problems: PlacedProblem[];

  constructor(problems: PlacedProblem[]) {
    super(problems.map(problemLine).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** `submission.listeners[0].port`; a key that holds a dot is quoted: `domains["example.com"].mtaSts`. */
export function settingName(path: SettingPath): string {
  let name = "";
  for (const step of path) {
    if (typeof step === "number") name += `[${step}]`;
    else if (/^\w+$/.test(step)) name += name === "" ? step : `.${step}`;
    else name += `[${JSON.stringify(step)}]`;
  }
  return name;
}

/** One line: `config/relay.yaml:12 delivery.port: 99999 is too large; a whole number from 1 to 65535`. */
export function problemLine(problem: PlacedProblem): string {
  const where = [problem.place, settingName(problem.path)].filter((part) => part !== "").join(" ");
  const warning = problem.severity === "warning" ? "warning: " : "";
  const right = problem.right === "" ? "" : `; ${problem.right}`;
  return `${where}${where === "" ? "" : ": "}${warning}${problem.what}${right}`;
}
