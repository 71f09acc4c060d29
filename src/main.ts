/**
 * The command line: finds the command, hands it its options, and answers with
 * the exit code.
 */
import { readFileSync } from "node:fs";
import { readArguments } from "./cli/arguments.ts";
import { checkCommand } from "./cli/check.ts";
import { checkConfigCommand } from "./cli/check-config.ts";
import { type Command, commandHelp, HELP_OPTION, overallHelp } from "./cli/command.ts";
import { dkimCommand } from "./cli/dkim.ts";
import { EXIT, EXIT_CODES_HELP } from "./cli/exit-codes.ts";
import { hashPasswordCommand } from "./cli/hash-password.ts";
import { healthcheckCommand } from "./cli/healthcheck.ts";
import { incidentsCommand } from "./cli/incidents.ts";
import { labCommand } from "./cli/lab.ts";
import { messageCommand } from "./cli/message.ts";
import { messagesCommand } from "./cli/messages.ts";
import { policyCommand } from "./cli/policy.ts";
import { publishCommand } from "./cli/publish.ts";
import { queueCommand } from "./cli/queue.ts";
import { ruleCommand } from "./cli/rule.ts";
import { startCommand } from "./cli/start.ts";
import { tlsReportCommand } from "./cli/tls-report.ts";
import { suggestion } from "./config/nearest.ts";
import { StartError } from "./relay/start-error.ts";

const COMMANDS: Command[] = [
  startCommand,
  labCommand,
  messageCommand,
  messagesCommand,
  queueCommand,
  policyCommand,
  ruleCommand,
  incidentsCommand,
  checkCommand,
  checkConfigCommand,
  publishCommand,
  dkimCommand,
  tlsReportCommand,
  hashPasswordCommand,
  healthcheckCommand,
];

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
  if (command === undefined) return usageError("sts-relay", noCommand("", name, COMMANDS));
  return runWith(command, rest);
}

/** Goes down to the command that the words name, and reads what is left of the line as its arguments. */
async function runWith(command: Command, args: string[]): Promise<number> {
  const { name, subcommands = [] } = command;
  const [word, ...rest] = args;
  if (word !== undefined && !word.startsWith("-") && subcommands.length > 0) {
    const below = subcommands.find((candidate) => candidate.name === `${name} ${word}`);
    if (below !== undefined) return runWith(below, rest);
    if (command.operands === undefined)
      return usageError(`sts-relay ${name}`, noCommand(`${name} `, word, subcommands));
  }
  const read = readArguments({ ...command.options, help: HELP_OPTION }, args, command.operands);
  if ("wrong" in read) return usageError(`sts-relay ${name}`, read.wrong);
  if (read.values["help"]) return print(commandHelp(command, EXIT_CODES_HELP));
  return run(command, read.values, read.operands ?? []);
}

async function run(command: Command, ...line: Parameters<Command["run"]>): Promise<number> {
  try {
    return await command.run(...line);
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

function noCommand(parent: string, word: string, commands: Command[]): string {
  const names = commands.map(({ name }) => name.slice(parent.length));
  const hint = suggestion(word, names) || `known: ${names.join(", ")}`;
  return `there is no command "${parent}${word}"; ${hint}`;
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
