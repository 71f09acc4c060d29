/**
 * Which settings are not the same in two configurations, by their names. Values
 * are not part of the answer: some are secrets.
 */
import { isDeepStrictEqual } from "node:util";
import type { Config } from "./config.ts";
import { settingName } from "./problem.ts";
import { schema } from "./schema.ts";
import { settingPaths } from "./schema-walk.ts";

export type Difference = {
  /** As in the configuration file: `retry.lifetime`. */
  setting: string;
  /** Where its value stands in a `Config`: `retry`, `lifetimeMs`. */
  keys: string[];
};

/** In the order of the schema. */
export function differences(before: Config, after: Config): Difference[] {
  return settingPaths(schema)
    .map(({ path }) => ({ setting: settingName(path), keys: keysOf(path, before) ?? keysOf(path, after) ?? path }))
    .filter(({ keys }) => !isDeepStrictEqual(valueAt(before, keys), valueAt(after, keys)));
}

/** `config` with the value that `from` has there; what lies beside it is the same object as before. */
export function withValueFrom(config: Config, keys: string[], from: Config): Config {
  return replaced(config, keys, valueAt(from, keys)) as Config;
}

/** A value with a unit has the unit in its name, which the schema's path does not know. */
function keysOf(path: string[], config: Config): string[] | undefined {
  const last = path.at(-1) ?? "";
  const section = valueAt(config, path.slice(0, -1));
  if (!isTree(section)) return undefined;
  const key = [last, `${last}Ms`, `${last}Bytes`].find((candidate) => candidate in section);
  return key === undefined ? undefined : [...path.slice(0, -1), key];
}

function valueAt(tree: unknown, keys: string[]): unknown {
  return keys.reduce<unknown>((inner, key) => (isTree(inner) ? inner[key] : undefined), tree);
}

function replaced(tree: unknown, [key, ...rest]: string[], value: unknown): unknown {
  if (key === undefined) return value;
  const inner = isTree(tree) ? tree : {};
  const { [key]: before, ...others } = inner;
  const after = replaced(before, rest, value);
  return after === undefined ? others : { ...others, [key]: after };
}

const isTree = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
