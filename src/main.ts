/**
 * The command line: finds the command, hands it its options, and answers with
 * the exit code.
 */
import { readFileSync } from "node:fs";
import { readArguments } from "./cli/arguments.ts";
import { checkConfigCommand } from "./cli/check-config.ts";
import { type Command, commandHelp, HELP_OPTION, overallHelp } from "./cli/command.ts";
import { EXIT, EXIT_CODES_HELP } from "./cli/exit-codes.ts";
import { hashPasswordCommand } from "./cli/hash-password.ts";
import { labCommand } from "./cli/lab.ts";
import { startCommand } from "./cli/start.ts";
import { suggestion } from "./config/nearest.ts";
import { StartError } from "./relay/start-error.ts";

const COMMANDS: Command[] = [startCommand, labCommand, checkConfigCommand, hashPasswordCommand];

export async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version" || name === "-v") return print(`${version()}\n`);
  if (name === "--help" || name === "-h" || (name === "help" && rest.length === 0)) return print(help());
  if (name === "help") return main([...rest, "--help"]);
  if (name === undefined) {
    process.stderr.write(help());
    return EXIT.usage;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) return usageError("sts-relay", `there is no command "${name}"; ${commandHint(name)}`);

  const read = readArguments({ ...command.options, help: HELP_OPTION }, rest);
  if ("wrong" in read) return usageError(`sts-relay ${name}`, read.wrong);
  if (read.values["help"]) return print(commandHelp(command, EXIT_CODES_HELP));
  return run(command, read.values);
}

async function run(command: Command, values: Parameters<Command["run"]>[0]): Promise<number> {
  try {
    return await command.run(values);
  } catch (error) {
    if (error instanceof StartError) {
      process.stderr.write(`sts-relay ${command.name}: ${error.message}\n`);
      return error.exitCode;
    }
    console.error(error);
    process.stderr.write(`sts-relay ${command.name}: this is a fault of the program\n`);
    return EXIT.software;
  }
}

function usageError(where: string, wrong: string): number {
  process.stderr.write(`${where}: ${wrong}\n\`${where} --help\` shows how it is used.\n`);
  return EXIT.usage;
}

function commandHint(name: string): string {
  const names = COMMANDS.map((command) => command.name);
  return suggestion(name, names) || `known: ${names.join(", ")}`;
}

function print(text: string): number {
  process.stdout.write(text);
  return EXIT.ok;
}

const help = () => overallHelp(COMMANDS, EXIT_CODES_HELP);

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
