/** Measures all cells, the relays of each in turn, again and again. */
import { type OtherCell, messagesFor, RATE_CELLS } from "./cells.ts";
import { type HalfLoad, measureHalfLoad } from "./half-load.ts";
import { measureRate } from "./measure.ts";
import { faultOf, type Measurement } from "./measurement.ts";
import type { RateOptions } from "./options.ts";
import { measureQueueMemory, type QueueMemory } from "./queue-memory.ts";
import type { RelayName, Surroundings } from "./relays/kind.ts";
import { processesOf } from "./relays/start.ts";
import { offersProcesses } from "./relays/sts-relay.ts";
import { figure } from "./table.ts";

export type RateResults = {
  measurements: Measurement[];
  halfLoads: HalfLoad[];
  queueMemory: QueueMemory[];
  /** Runs that broke off, and those with mail lost or doubled, in words. */
  faults: string[];
  /** Relays that were asked for and are not there. */
  skipped: RelayName[];
};

const RUNS_AGAIN = 2;

export async function runRates(
  options: RateOptions,
  around: Surroundings,
  say: (line: string) => void,
): Promise<RateResults> {
  const skipped = (await offersProcesses(around.programs))
    ? []
    : options.relays.filter((name) => (processesOf(name) ?? 1) > 1);
  if (skipped.length > 0) say(`left out, because this relay runs as one process only: ${skipped.join(", ")}`);
  const relays = options.relays.filter((name) => !skipped.includes(name));
  const results: RateResults = { measurements: [], halfLoads: [], queueMemory: [], faults: [], skipped };
  const note = async (what: string, measure: () => Promise<Measurement>) => {
    try {
      const measurement = await measure();
      const fault = faultOf(measurement);
      if (fault !== undefined) results.faults.push(`${what}: ${fault}`);
      say(`${what}: ${lineOf(measurement)}${fault === undefined ? "" : ` FAILED: ${fault}`}`);
    } catch (error) {
      results.faults.push(`${what}: ${(error as Error).message}`);
      say(`${what}: FAILED: ${(error as Error).message}`);
    }
  };
  const inTurn = async (cell: string, measure: (relay: RelayName, round: number) => Promise<Measurement>) => {
    for (let round = 0; round < options.pairs; round++)
      for (const relay of relays) await note(`${cell} ${relay} ${round + 1}`, () => measure(relay, round));
  };

  for (const cell of RATE_CELLS.filter(({ name }) => options.cells.includes(name))) {
    const messages = messagesFor(cell, options.messages);
    await inTurn(cell.name, async (relay, round) => {
      const measurement = await undisturbed(options.maxOthers, () =>
        measureRate({ cell: cell.name, relay, round }, cell, messages, around),
      );
      results.measurements.push(measurement);
      return measurement;
    });
  }
  if (isWanted(options, "half-load")) {
    await inTurn("half-load", async (relay, round) => {
      const run = { cell: "half-load", relay, round };
      const halfLoad = await measureHalfLoad(run, options.messages, options.quick ? 10 : 20, around);
      results.halfLoads.push(halfLoad);
      return halfLoad.measurement;
    });
  }
  if (isWanted(options, "queue-memory") && relays.some((name) => processesOf(name) !== undefined)) {
    for (const bytes of [4_096, 65_536]) {
      try {
        const memory = await measureQueueMemory(bytes, messagesFor({ bytes }, 2 * options.messages), around);
        results.queueMemory.push(memory);
        say(
          `queue-memory: ${memory.messages} of ${bytes} bytes, ${figure(memory.beyondBody)} bytes each beyond the body`,
        );
      } catch (error) {
        results.faults.push(`queue-memory ${bytes}: ${(error as Error).message}`);
        say(`queue-memory: FAILED: ${(error as Error).message}`);
      }
    }
  }
  return results;
}

function isWanted(options: RateOptions, cell: OtherCell): boolean {
  return options.cells.includes(cell);
}

/** Where others used the machine the run is made again, and the least disturbed one counts. */
async function undisturbed(maxOthers: number, measure: () => Promise<Measurement>): Promise<Measurement> {
  let best = await measure();
  for (let again = 0; again < RUNS_AGAIN && best.others > maxOthers && faultOf(best) === undefined; again++) {
    const next = await measure();
    if (next.others < best.others || faultOf(next) !== undefined) best = next;
  }
  return best;
}

function lineOf(measurement: Measurement): string {
  const { acceptRate, deliveredRate, cpuPerThousand, ackMs, endToEndMs, waitMs, memoryMiB, others } = measurement;
  const both = ({ p50, p99 }: { p50: number; p99: number }) => `${figure(p50)}/${figure(p99)} ms`;
  return (
    `accepted ${figure(acceptRate)}/s, delivered ${figure(deliveredRate)}/s, CPU ${figure(cpuPerThousand)} s/1000, ` +
    `ack ${both(ackMs)}, through ${both(endToEndMs)}, after 250 ${both(waitMs)}, ${figure(memoryMiB)} MiB, others ${Math.round(100 * others)} %`
  );
}
