/**
 * Reads a command's arguments. A wrong one is said with what would be right.
 */
import { parseArgs } from "node:util";
import { suggestion } from "../config/nearest.ts";
import type { Operands, Options, Values } from "./command.ts";

/** `operands` is there exactly where some are expected. */
export type Arguments = { values: Values; operands?: string[] } | { wrong: string };

/** @param expected what may stand there without an option before it; `undefined`: nothing */
export function readArguments(options: Options, args: string[], expected?: Operands): Arguments {
  const config = Object.entries(options).map(([name, { type, short }]) => [
    name,
    { type, ...(short === undefined ? {} : { short }) },
  ]);
  // Not strict: its errors do not say what would be right.
  const { tokens } = parseArgs({ args, options: Object.fromEntries(config), strict: false, tokens: true });
  const values: Values = {};
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      if (operands.length >= (expected?.most ?? (expected === undefined ? 0 : 1))) {
        return { wrong: `"${token.value}" is not expected${hint(token.value, options)}` };
      }
      operands.push(token.value);
      continue;
    }
    const option = options[token.name];
    if (option === undefined) return { wrong: `there is no option ${token.rawName}${hint(token.name, options)}` };
    if (option.type === "boolean") {
      if (token.value !== undefined) return { wrong: `${token.rawName} takes no value` };
      values[token.name] = true;
      continue;
    }
    // `--config --json` has forgotten the file; `--config=--json` means what it says.
    // "-" alone is a file: standard input.
    const isMissing = !token.value || (!token.inlineValue && /^-./.test(token.value));
    if (isMissing) return { wrong: `${token.rawName} needs a value: ${token.rawName} ${option.value ?? "VALUE"}` };
    values[token.name] = token.value;
  }
  if (expected === undefined) return { values };
  // With --help nobody is asked for more.
  const isShort = operands.length < (expected.least ?? 1) && values["help"] !== true;
  return isShort ? { wrong: `${expected.name} is missing` } : { values, operands };
}

function hint(word: string, options: Options): string {
  const flags = Object.keys(options).map((name) => `--${name}`);
  const near = suggestion(`--${word.replace(/^-+/, "")}`, flags);
  return near === "" ? `; known: ${[...flags].join(", ")}` : `; ${near}`;
}
