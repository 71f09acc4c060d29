/**
 * The example configuration, made from the schema: every setting with its
 * sentence, what its values look like, and its default. A line `# text` is
 * prose; a line `#name: value` is a setting, in force once its `#` is gone.
 */
import { stringify } from "yaml";
import type * as z from "zod";
import { entryOf, shapeOf } from "./schema-walk.ts";
import { aboutOf, bare, formOf } from "./setting.ts";

const WIDTH = 100;

const HEAD = `The configuration of sts-relay: every setting, commented out, with its default or an example.

Copy it to config/relay.yaml, take away the # before the settings to change, and look at the result with
\`sts-relay check-config\`. A relative path starts at the working directory.

Each setting is also an environment variable, which wins over this file: RELAY_ and the setting's path in capitals,
its steps joined by two underscores. delivery.port is RELAY_DELIVERY__PORT, submission.trustedNetworks is
RELAY_SUBMISSION__TRUSTED_NETWORKS. Lists are written with commas, or as YAML: ["10.0.0.0/8"].`;

/** The text of `config/relay.example.yaml`. Made by `scripts/generate-config-example.ts`. */
export function renderExample(schema: z.ZodType): string {
  return [...HEAD.split("\n").map((line) => `# ${line}`.trimEnd()), ...settings(schema, 0)].join("\n") + "\n";
}

function settings(schema: z.ZodType, depth: number): string[] {
  return Object.entries(shapeOf(schema) ?? {}).flatMap(([name, inner]) => ["", ...entry(name, inner, depth)]);
}

function entry(name: string, schema: z.ZodType, depth: number): string[] {
  const about = aboutOf(schema);
  const isSection = about !== undefined && about.default === undefined && about.example === undefined;
  if (isSection) return [...prose(about.says, depth), indent(`${name}:`, depth), ...settings(schema, depth + 1)];

  const shown = isEmpty(about?.default) ? (about?.example ?? about?.default) : about?.default;
  const value = stringify({ [name]: shown }, { lineWidth: 0, indentSeq: false, flowCollectionPadding: false });
  const lines = (isScalarList(shown) ? flow(name, shown) : value).trimEnd().split("\n");
  return [
    ...prose(about?.says ?? "", depth),
    ...fieldsOf(schema).flatMap((field) => prose(field, depth)),
    ...prose(facts(schema), depth),
    ...lines.map((line) => indent(`#${line}`, depth)),
  ];
}

/** The settings of an entry in a list or map, one line each. */
function fieldsOf(schema: z.ZodType): string[] {
  const shape = shapeOf(schema) ?? shapeOf(entryOf(schema) ?? schema) ?? {};
  return Object.entries(shape).map(([name, inner]) => `- ${name}: ${aboutOf(inner)?.says} ${facts(inner)}`);
}

/** "Value: a port. Default: 25." */
function facts(schema: z.ZodType): string {
  const about = aboutOf(schema);
  const item = entryOf(schema);
  const form = formOf(schema) ?? (item && formOf(item) && `a list, each ${formOf(item)}`);
  const fallback = about?.defaultIs ?? (about?.default === undefined ? undefined : defaultText(about.default));
  const needed = bare(schema) === schema ? "Needed." : "";
  return [form && `Value: ${form}.`, fallback === undefined ? needed : `Default: ${fallback}.`]
    .filter(Boolean)
    .join(" ");
}

function defaultText(value: unknown): string {
  if (isEmpty(value)) return "none";
  return typeof value === "object" ? "as below" : JSON.stringify(value).replaceAll('"', "");
}

const isEmpty = (value: unknown) =>
  value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0);

const isScalarList = (value: unknown): value is unknown[] =>
  Array.isArray(value) && value.every((item) => typeof item !== "object");

const flow = (name: string, list: unknown[]) =>
  `${name}: ${stringify(list, { collectionStyle: "flow", lineWidth: 0, flowCollectionPadding: false })}`;

const indent = (line: string, depth: number) => "  ".repeat(depth) + line;

function prose(text: string, depth: number): string[] {
  const lines: string[] = [];
  let line = "#";
  for (const word of text.split(" ").filter((word) => word !== "")) {
    if (indent(`${line} ${word}`, depth).length > WIDTH && line !== "#") {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return (line === "#" ? lines : [...lines, line]).map((done) => indent(done, depth));
}
