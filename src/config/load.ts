/**
 * Reads the configuration: options, then environment, then file, then the schema's defaults.
 * Every problem is found in one go, each with its place.
 */
import { readFileSync } from "node:fs";
import { hostname, totalmem } from "node:os";
import { relative, resolve } from "node:path";
import { completeConfig, type Config, type Machine, type Settings } from "./config.ts";
import { readEnvironment } from "./environment.ts";
import { explain } from "./explain.ts";
import { ConfigError, settingName, type PlacedProblem, type Problem, type SettingPath } from "./problem.ts";
import { schema } from "./schema.ts";
import { settingsWithoutEffect } from "./without-effect.ts";
import { readYaml, type YamlFile } from "./yaml-file.ts";

/** Read when no other file is named, if it is there. Relative to the working directory. */
export const DEFAULT_FILE = "config/relay.yaml";

export type LoadOptions = {
  /** Must be there. Default: `DEFAULT_FILE`, which need not be. */
  file?: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Settings that options of the command line make, over all others: `processes` for `--processes`. */
  flags?: Readonly<Record<string, string>>;
  cwd: string;
  /** Default: this one. */
  machine?: Machine;
};

export type Sources = {
  /** `undefined` when there is none. */
  file: string | undefined;
  /** The environment variables that set something. */
  variables: string[];
};

export type Draft = {
  /** Where the configuration has problems, the sections they are in hold their defaults: not for use then. */
  config: Config;
  problems: PlacedProblem[];
  sources: Sources;
  /** Further problems that were found in `config`, with their places; none about sections that hold only defaults. */
  place(problems: Problem[]): PlacedProblem[];
};

/** Throws `ConfigError` with all problems, if one is an error. Files that settings name are not looked at, but for password files. */
export function loadConfig(options: LoadOptions): { config: Config; sources: Sources } {
  const { config, problems, sources } = readConfig(options);
  if (problems.some(({ severity }) => severity === "error")) throw new ConfigError(problems);
  return { config, sources };
}

/** As `loadConfig`, for one who wants to look for more problems before he gives up. */
export function readConfig(options: LoadOptions): Draft {
  const file = readFile(options);
  const environment = readEnvironment(schema, options.env);
  const settings = structuredClone(file.yaml.settings);
  const variables = new Map<string, string>();
  for (const { variable, path, value } of environment.assignments) {
    assign(settings, path, value);
    variables.set(settingName(path), variable);
  }
  for (const [name, text] of Object.entries(options.flags ?? {})) {
    assign(settings, [name], /^\d+$/.test(text) ? Number(text) : text);
    variables.set(name, `--${name}`);
  }

  const placeOf = (path: SettingPath) => {
    const inner = path.map((_, index) => variables.get(settingName(path.slice(0, index + 1))));
    return inner.findLast((variable) => variable !== undefined) ?? file.yaml.placeOf(path) ?? "";
  };
  const problems = [...file.yaml.problems, ...environment.problems];
  const found = (problem: Problem) => problems.push({ ...problem, place: placeOf(problem.path) });

  const { parsed, wrong, doubtful } = parse(settings);
  for (const problem of [...wrong, ...settingsWithoutEffect(settings)]) found(problem);
  const config = completeConfig(parsed, {
    cwd: options.cwd,
    machine: options.machine ?? thisMachine(),
    readPassword: (passwordFile, domain) => {
      const read = readPassword(passwordFile);
      if ("password" in read) return read.password;
      const path = ["domains", domain, "route", "passwordFile"];
      found({ severity: "error", path, what: read.wrong, right: "expected a readable file that holds the password" });
      return "";
    },
  });
  const unread = file.yaml.problems.length > 0;
  return {
    config,
    problems,
    sources: { file: file.name, variables: environment.assignments.map(({ variable }) => variable) },
    place: (further) =>
      further
        .filter(({ path }) => !unread && !doubtful.has(String(path[0])))
        .map((problem) => ({ ...problem, place: placeOf(problem.path) })),
  };
}

/** Sections with something wrong in them fall back to their defaults, so that the others can be judged further. */
function parse(settings: Record<string, unknown>): { parsed: Settings; wrong: Problem[]; doubtful: Set<string> } {
  const result = schema.safeParse(settings);
  if (result.success) return { parsed: result.data, wrong: [], doubtful: new Set() };
  const wrong = explain(schema, result.error.issues);
  const doubtful = new Set(wrong.map(({ path }) => String(path[0])));
  const rest = Object.fromEntries(Object.entries(settings).filter(([key]) => !doubtful.has(key)));
  return { parsed: schema.parse(rest), wrong, doubtful };
}

function readFile(options: LoadOptions): { name: string | undefined; yaml: YamlFile } {
  const path = resolve(options.cwd, options.file ?? DEFAULT_FILE);
  const inside = relative(options.cwd, path);
  const name = inside.startsWith("..") ? path : inside;
  const nothing: YamlFile = { settings: {}, problems: [], placeOf: () => undefined };
  try {
    return { name, yaml: readYaml(readFileSync(path, "utf8"), name) };
  } catch (error) {
    if (options.file === undefined && errorCode(error) === "ENOENT") return { name: undefined, yaml: nothing };
    const what = `the configuration file cannot be read (${errorCode(error)})`;
    const problem: PlacedProblem = {
      severity: "error",
      path: [],
      place: name,
      what,
      right: "expected a readable YAML file",
    };
    return { name, yaml: { ...nothing, problems: [problem] } };
  }
}

function readPassword(file: string): { password: string } | { wrong: string } {
  try {
    const password = readFileSync(file, "utf8").replace(/\r?\n$/, "");
    return password === "" ? { wrong: `${file} is empty` } : { password };
  } catch (error) {
    return { wrong: `${file} cannot be read (${errorCode(error)})` };
  }
}

function assign(settings: Record<string, unknown>, path: string[], value: unknown): void {
  let section = settings;
  for (const step of path.slice(0, -1)) {
    const inner = (section[step] ??= {});
    // Not a map: left in place, for the schema to refuse.
    if (typeof inner !== "object" || Array.isArray(inner)) return;
    section = inner as Record<string, unknown>;
  }
  const last = path.at(-1);
  if (last !== undefined) section[last] = value;
}

function thisMachine(): Machine {
  // In a container the limit of the container counts, not the host's memory; 0 stands for no limit.
  const limit = process.constrainedMemory();
  return { hostname: hostname(), memoryBytes: limit > 0 ? Math.min(limit, totalmem()) : totalmem() };
}

const errorCode = (error: unknown) => (error as NodeJS.ErrnoException).code ?? "unknown error";
