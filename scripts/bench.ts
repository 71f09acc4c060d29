/**
 * `scripts/bench`: this relay beside Postfix, under the same load, in one run;
 * and `scripts/bench fairness`. Ends with 1 when mail was lost or came twice, or a
 * measurement broke off.
 */
import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { compare, measuredTable, ratioTable } from "./lib/bench/compare.ts";
import { measureFairness } from "./lib/bench/fairness.ts";
import { fairnessTable } from "./lib/bench/fairness-table.ts";
import { describeMachine } from "./lib/bench/machine.ts";
import { type BenchOptions, type FairnessOptions, type RateOptions, readOptions, USAGE } from "./lib/bench/options.ts";
import {
  fairnessPart,
  halfLoadTable,
  type Part,
  partsPart,
  ratesPart,
  replacePart,
  targetRows,
} from "./lib/bench/page.ts";
import type { Surroundings } from "./lib/bench/relays/kind.ts";
import { runRates } from "./lib/bench/run-rates.ts";
import { openSurroundings } from "./lib/bench/surroundings.ts";
import { plainTable, type Table } from "./lib/bench/table.ts";
import { fairnessTargets, halfLoadTargets, memoryTargets } from "./lib/bench/targets.ts";

const EX_USAGE = 64;
/** Nothing that was started lives longer. */
const LIMIT_SECONDS = 6 * 3_600;
const CHECKOUT = fileURLToPath(new URL("..", import.meta.url));

async function main(given: string[]): Promise<number> {
  const onlyRead = given[0] === "--only-read";
  const args = onlyRead ? given.slice(1) : given;
  let options: BenchOptions;
  try {
    options = readOptions(args);
  } catch (error) {
    process.stderr.write(`scripts/bench: ${(error as Error).message}\n`);
    return EX_USAGE;
  }
  if (options.command === "help") {
    process.stdout.write(USAGE);
    return 0;
  }
  if (onlyRead) return 0;
  const around = await openSurroundings(options.cpu, LIMIT_SECONDS);
  const command = ["scripts/bench", ...args].join(" ");
  return options.command === "fairness" ? fairness(options, around, command) : rates(options, around, command);
}

async function rates(options: RateOptions, around: Surroundings, command: string): Promise<number> {
  const results = await runRates(options, around, say);
  const { measurements, halfLoads, queueMemory, faults } = results;
  if (measurements.length > 0) show(measuredTable(measurements));
  const comparisons = compare(measurements);
  if (comparisons.length > 0) show(ratioTable(comparisons));
  if (halfLoads.length > 0) show(halfLoadTable(halfLoads));
  const targets = [...halfLoadTargets(halfLoads), ...memoryTargets(queueMemory)];
  if (targets.length > 0) show(targetRows(targets));
  for (const fault of faults) say(`FAILED: ${fault}`);
  if (options.write) {
    const machine = describeMachine(around.scratch, around.meter.how);
    const page = options.command === "parts" ? partsPart : ratesPart;
    await write(options.command, page(results, machine, command));
  }
  return faults.length === 0 ? 0 : 1;
}

async function fairness(options: FairnessOptions, around: Surroundings, command: string): Promise<number> {
  const result = await measureFairness(options, around, say);
  show(fairnessTable(result));
  show(targetRows(fairnessTargets(result)));
  if (options.write) {
    await write("fairness", fairnessPart(result, describeMachine(around.scratch, around.meter.how), command));
  }
  const isWhole = [result.alone, result.beside].every(({ flow }) => flow.delivered === flow.accepted);
  if (!isWhole) say("FAILED: not all that was accepted was delivered");
  return isWhole ? 0 : 1;
}

async function write(part: Part, text: string): Promise<void> {
  const page = `${CHECKOUT}docs/benchmark.md`;
  await mkdir(`${CHECKOUT}docs`, { recursive: true });
  await writeFile(page, replacePart(await readFile(page, "utf8").catch(() => ""), part, text));
  execFileSync(`${CHECKOUT}node_modules/.bin/oxfmt`, [page], { cwd: CHECKOUT });
  say(`written: ${page}`);
}

function show(table: Table): void {
  say(`\n${plainTable(table)}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

// Servers in this process would keep it running.
process.exit(await main(process.argv.slice(2)));
