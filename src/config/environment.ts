/**
 * Settings from environment variables: `RELAY_` and the path, its steps joined
 * by two underscores. Letter case does not matter and a single underscore means
 * nothing: RELAY_SUBMISSION__TRUSTED_NETWORKS is `submission.trustedNetworks`.
 */
import { parseDocument } from "yaml";
import type * as z from "zod";
import { nearest } from "./nearest.ts";
import type { PlacedProblem } from "./problem.ts";
import { entryOf, settingPaths } from "./schema-walk.ts";

type Assignment = { variable: string; path: string[]; value: unknown };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings that the environment makes. An empty variable counts as not
 * set: composition tools pass on what they do not have as an empty text.
 */
export function readEnvironment(
  schema: z.ZodType,
  env: Environment,
): { assignments: Assignment[]; problems: PlacedProblem[] } {
  const settings = new Map(settingPaths(schema).map((setting) => [folded(setting.path), setting]));
  const assignments = new Map<string, Assignment>();
  const problems: PlacedProblem[] = [];
  const problem = (place: string, what: string, right: string) =>
    problems.push({ severity: "error", path: [], place, what, right });

  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith("RELAY_") || !text || isServiceLink(variable, text)) continue;
    const name = folded(variable.slice("RELAY_".length).split("__"));
    const setting = settings.get(name);
    const earlier = assignments.get(name);
    if (setting === undefined)
      problem(variable, "there is no such setting", unknownHint(variable, [...settings.values()]));
    else if (earlier !== undefined) problem(variable, `${earlier.variable} sets the same`, "expected one of the two");
    else assignments.set(name, { variable, path: setting.path, value: readText(setting.schema, text) });
  }

  const url = env["REDIS_URL"];
  if (url && !assignments.has("redis.url")) {
    assignments.set("redis.url", { variable: "REDIS_URL", path: ["redis", "url"], value: url });
  }
  return { assignments: [...assignments.values()], problems };
}

/** The variable's name for a setting, as documentation writes it. */
export function variableName(path: string[]): string {
  const words = path.map((step) => step.replaceAll(/([a-z])([A-Z])/g, "$1_$2").toUpperCase());
  return `RELAY_${words.join("__")}`;
}

/**
 * The first reading that the setting accepts: the text itself, then YAML
 * (`true`, `["a", "b"]`), then a list with commas. So a password that looks
 * like a number stays text, and a number becomes one.
 */
function readText(schema: z.ZodType, text: string): unknown {
  const readings: unknown[] = [text];
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length === 0) readings.push(document.toJS());
  if (entryOf(schema) !== undefined && !/^\s*[[{]/.test(text))
    readings.push(text.split(",").map((item) => item.trim()));
  const accepted = readings.find((reading) => schema.safeParse(reading).success);
  // Where none is accepted, the last is nearest to what was meant, and the schema says what is wrong with it.
  return accepted ?? readings.at(-1);
}

const folded = (path: string[]) => path.map((step) => step.replaceAll("_", "").toLowerCase()).join(".");

function unknownHint(variable: string, settings: { path: string[] }[]): string {
  const letters = (name: string) => name.replaceAll("_", "");
  const byLetters = new Map(settings.map(({ path }) => [letters(variableName(path)), variableName(path)]));
  const near = nearest(letters(variable), byLetters.keys());
  return near === undefined
    ? "expected the setting's path in capitals, steps joined by two underscores, like RELAY_DELIVERY__PORT"
    : `did you mean ${byLetters.get(near)}?`;
}

/** What Kubernetes and old Docker links put into every container when some service is called "relay". */
function isServiceLink(variable: string, text: string): boolean {
  if (/^RELAY_(?:[A-Z0-9]+_)*?SERVICE_(?:HOST|PORT)(?:_[A-Z0-9_]+)?$/.test(variable)) return true;
  if (/^RELAY_(?:[A-Z0-9]+_)*?PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(variable)) return true;
  return /^RELAY_(?:[A-Z0-9]+_)*?PORT$/.test(variable) && /^(?:tcp|udp|sctp):\/\//.test(text);
}
