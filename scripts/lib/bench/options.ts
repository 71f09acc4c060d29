/** The arguments of `scripts/bench`. Values to values. */
import { parseArgs } from "node:util";
import { ALL_CELLS, type CellName, FULL_CELLS, PARTS_CELLS, QUICK_CELLS } from "./cells.ts";
import type { CpuSource } from "./cpu.ts";
import type { RelayName } from "./relays/kind.ts";

export const USAGE = `Usage: scripts/bench [--quick] [--cells LIST] [--relays LIST] [--pairs 3] [--messages N] [--write]
       scripts/bench parts [--pairs 3] [--messages N] [--write]
       scripts/bench fairness [--dead 100000] [--tarpit 10000] [--rate 100] [--seconds 60] [--processes 1] [--write]

Measures this relay beside Postfix on this machine, in a network of its own. Debian, as root.
  --quick      a few cells and relays, for some minutes; default: all that docs/benchmark.md shows, for two hours
  --cells      like 4k-tls-10,64k-plain-100-kept (size, encryption, domains, kept submission connections),
               half-load, queue-memory
  --relays     of postfix:default, postfix:tuned, postfix:best, relay:1, relay:2 (processes), parts
  --pairs      how often each is measured, all in turn
  --messages   of 4 KiB in one run; of larger ones a quarter
  --max-others part of the machine that others may use before a run is made again (0.2), twice at most
  --write      puts the result into docs/benchmark.md
  --cpu        where CPU time is read: auto, v1, v2 (cgroups), proc
  --keep       leaves settings, queues and logs behind, and says where

parts: the same, with the libraries of this relay and nothing around them: a few cells, for forty minutes.

fairness: mail for a domain that refuses connections and one that never speaks is due all at once, while ten other
domains get mail at a steady rate.
  --dead, --tarpit     messages for the two
  --rate, --seconds    messages a second for the ten, and for how long
  --processes          of the relay
`;

type Common = { write: boolean; keep: boolean; cpu: CpuSource };
export type RateOptions = Common & {
  command: "rates" | "parts";
  quick: boolean;
  cells: CellName[];
  relays: RelayName[];
  pairs: number;
  messages: number;
  maxOthers: number;
};
export type FairnessOptions = Common & {
  command: "fairness";
  dead: number;
  tarpit: number;
  rate: number;
  seconds: number;
  processes: number;
};
export type BenchOptions = { command: "help" } | RateOptions | FairnessOptions;

/** So that the numbers of both flows are apart from each other. */
const MOST_FLOWING = 400_000;

const FULL_RELAYS: RelayName[] = ["postfix:default", "postfix:tuned", "postfix:best", "relay:1", "relay:2"];
const QUICK_RELAYS: RelayName[] = ["postfix:best", "relay:1", "relay:2"];
const PARTS_RELAYS: RelayName[] = ["postfix:tuned", "postfix:best", "parts", "relay:1", "relay:2"];

/** Throws an error with a message for the user. */
export function readOptions(args: string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      cells: { type: "string" },
      relays: { type: "string" },
      pairs: { type: "string", default: "3" },
      messages: { type: "string" },
      "max-others": { type: "string", default: "0.2" },
      dead: { type: "string", default: "100000" },
      tarpit: { type: "string", default: "10000" },
      rate: { type: "string", default: "100" },
      seconds: { type: "string", default: "60" },
      processes: { type: "string", default: "1" },
      write: { type: "boolean", default: false },
      cpu: { type: "string", default: "auto" },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return { command: "help" };
  const cpu = oneOf("--cpu", values.cpu, ["auto", "v1", "v2", "proc"] as const);
  const common = { write: values.write, keep: values.keep, cpu };
  const [command, ...more] = positionals;
  if (more.length > 0 || (command !== undefined && command !== "fairness" && command !== "parts")) {
    throw new Error(`what is ${positionals.join(" ")}? See scripts/bench --help`);
  }
  if (command === "fairness") {
    if (Number(values.rate) * Number(values.seconds) > MOST_FLOWING) {
      throw new Error(`--rate and --seconds make more than ${MOST_FLOWING} messages`);
    }
    return {
      command,
      ...common,
      dead: whole("--dead", values.dead, 1, 400_000),
      tarpit: whole("--tarpit", values.tarpit, 1, 100_000),
      rate: whole("--rate", values.rate, 1, 5_000),
      seconds: whole("--seconds", values.seconds, 5, 600),
      processes: whole("--processes", values.processes, 1, 64),
    };
  }
  const usual = usually(command, values.quick);
  return {
    command: command ?? "rates",
    ...common,
    quick: values.quick,
    cells: list(values.cells, usual.cells).map((name) => oneOf("--cells", name, ALL_CELLS)),
    relays: list(values.relays, usual.relays).map(readRelay),
    pairs: whole("--pairs", values.pairs, 1, 50),
    messages: whole("--messages", values.messages ?? usual.messages, 100, 200_000),
    maxOthers: part("--max-others", values["max-others"]),
  };
}

function usually(command: "parts" | undefined, quick: boolean) {
  if (command === "parts") return { cells: PARTS_CELLS, relays: PARTS_RELAYS, messages: "2500" };
  if (quick) return { cells: QUICK_CELLS, relays: QUICK_RELAYS, messages: "1500" };
  return { cells: FULL_CELLS, relays: FULL_RELAYS, messages: "5000" };
}

function list<T extends string>(text: string | undefined, otherwise: T[]): string[] {
  return text === undefined ? otherwise : text.split(",").filter(Boolean);
}

function readRelay(name: string): RelayName {
  if (/^relay:[1-9]\d?$/.test(name)) return name as RelayName;
  return oneOf("--relays", name, [...FULL_RELAYS, "parts"] as const);
}

function oneOf<T extends string>(option: string, value: string, known: readonly T[]): T {
  const found = known.find((each) => each === value);
  if (found === undefined) throw new Error(`${option}: ${value} is none of ${known.join(", ")}`);
  return found;
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`${option}: ${text} is no whole number from ${least} to ${most}`);
}

function part(option: string, text: string): number {
  const value = Number(text);
  if (value >= 0 && value <= 1) return value;
  throw new Error(`${option}: ${text} is no number from 0 to 1`);
}
