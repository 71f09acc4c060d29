/**
 * What a command of the command line is made of, and its help.
 */

export type Option = {
  type: "string" | "boolean";
  short?: string;
  /** How the value is called in the help: `FILE`. */
  value?: string;
  /** What it does, in a line. */
  says: string;
};

export type Options = Record<string, Option>;

/** Values by option name: text, `true`, or nothing. */
export type Values<O extends Options = Options> = {
  [Name in keyof O]?: Option extends O[Name] ? string | true : O[Name]["type"] extends "boolean" ? true : string;
};

/** What stands on the command line without an option before it: domains, ids. */
export type Operands = {
  /** How one is called in the help: `DOMAIN`. */
  name: string;
  /** Fewest and most of them. Default: 1. */
  least?: number;
  most?: number;
};

export type Command = {
  /** With the parent's before it: `queue list`. */
  name: string;
  /** In a line. */
  summary: string;
  /** What one should know before using it. */
  details: string;
  options: Options;
  /** Absent: it takes none. */
  operands?: Operands;
  /** Commands below it, like `queue list` below `queue`. */
  subcommands?: Command[];
  /** Answers with the exit code. */
  run(values: Values, operands: string[]): Promise<number>;
};

/** Ties the type of the values to the options. */
export function defineCommand<const O extends Options>(
  command: Omit<Command, "options" | "run"> & {
    options: O;
    run(values: Values<O>, operands: string[]): Promise<number>;
  },
): Command {
  return { ...command, run: (values, operands) => command.run(values as Values<O>, operands) };
}

/** Every command has it. */
export const HELP_OPTION = { type: "boolean", short: "h", says: "show this and exit" } as const satisfies Option;

/** Of every command that reads the configuration. */
export const CONFIG_OPTION = {
  type: "string",
  short: "c",
  value: "FILE",
  says: "the configuration file (default: config/relay.yaml, if it is there)",
} as const satisfies Option;

export function commandHelp(command: Command, exitCodes: string): string {
  const { name, summary, details, options, subcommands = [] } = command;
  const all: Options = { ...options, help: HELP_OPTION };
  const listed = Object.entries(all).map(([option, { short, value, says }]): [string, string] => [
    `${short === undefined ? "    " : `-${short}, `}--${option}${value === undefined ? "" : ` ${value}`}`,
    says,
  ]);
  const below = subcommands.map((each): [string, string] => [`sts-relay ${each.name}`, each.summary]);
  const more = below.length === 0 ? "" : `Commands:\n${columns(below)}\n\n`;
  const usage = `Usage: sts-relay ${name}${operandWords(command.operands)} [options]`;
  return `sts-relay ${name}: ${summary}\n\n${usage}\n\n${details}\n\n${more}Options:\n${columns(listed)}\n\n${exitCodes}\n`;
}

function operandWords(operands: Operands | undefined): string {
  if (operands === undefined) return "";
  const { name, least = 1, most = 1 } = operands;
  const words = most > 1 ? `${name}...` : name;
  return least === 0 ? ` [${words}]` : ` ${words}`;
}

export function overallHelp(commands: Command[], exitCodes: string): string {
  const listed = commands.map(({ name, summary }): [string, string] => [name, summary]);
  return `sts-relay: an outbound SMTP relay that enforces MTA-STS

Usage: sts-relay COMMAND [options]

Commands:
${columns(listed)}

\`sts-relay COMMAND --help\` says more about each. \`sts-relay --version\` shows the version.

${exitCodes}
`;
}

function columns(rows: [string, string][]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
