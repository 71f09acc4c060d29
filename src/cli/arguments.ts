/**
 * Reads a command's arguments. A wrong one is said with what would be right.
 */
import { parseArgs } from "node:util";
import { suggestion } from "../config/nearest.ts";
import type { Options, Values } from "./command.ts";

export type Arguments = { values: Values } | { wrong: string };

export function readArguments(options: Options, args: string[]): Arguments {
  const config = Object.entries(options).map(([name, { type, short }]) => [
    name,
    { type, ...(short === undefined ? {} : { short }) },
  ]);
  // Not strict: its errors do not say what would be right.
  const { tokens } = parseArgs({ args, options: Object.fromEntries(config), strict: false, tokens: true });
  const values: Values = {};
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") return { wrong: `"${token.value}" is not expected${hint(token.value, options)}` };
    const option = options[token.name];
    if (option === undefined) return { wrong: `there is no option ${token.rawName}${hint(token.name, options)}` };
    if (option.type === "boolean") {
      if (token.value !== undefined) return { wrong: `${token.rawName} takes no value` };
      values[token.name] = true;
      continue;
    }
    // `--config --json` has forgotten the file; `--config=--json` means what it says.
    const isMissing = !token.value || (!token.inlineValue && token.value.startsWith("-"));
    if (isMissing) return { wrong: `${token.rawName} needs a value: ${token.rawName} ${option.value ?? "VALUE"}` };
    values[token.name] = token.value;
  }
  return { values };
}

function hint(word: string, options: Options): string {
  const flags = Object.keys(options).map((name) => `--${name}`);
  const near = suggestion(`--${word.replace(/^-+/, "")}`, flags);
  return near === "" ? `; known: ${[...flags].join(", ")}` : `; ${near}`;
}
