/** `docs/benchmark.md`: made of parts, each written by the run that measured it. Values to values. */
import { compare, isPostfix, measuredTable, ratioTable } from "./compare.ts";
import type { FairnessResult } from "./fairness.ts";
import { fairnessTable } from "./fairness-table.ts";
import type { Machine } from "./machine.ts";
import type { Measurement } from "./measurement.ts";
import type { RateResults } from "./run-rates.ts";
import { median } from "./statistics.ts";
import { figure, markdownTable, type Table } from "./table.ts";
import { fairnessTargets, halfLoadTargets, memoryTargets, type Target } from "./targets.ts";

export type Part = "rates" | "parts" | "fairness";

const PARTS: Part[] = ["rates", "parts", "fairness"];

const INTRODUCTION = `# Benchmark

Written by \`scripts/bench --write\`, \`scripts/bench parts --write\` and \`scripts/bench fairness --write\`; not edited by hand.
Absolute figures hold for the machine they were made on. What carries over are ratios of runs made in turn on one machine.
`;

/** @param old the page as it is; empty: there is none yet */
export function replacePart(old: string, part: Part, text: string): string {
  const kept = (each: Part) => new RegExp(`<!-- ${each} -->\n([^]*?)<!-- end of ${each} -->`).exec(old)?.[1];
  const texts = PARTS.map((each) => [each, each === part ? `\n${text.trim()}\n\n` : kept(each)] as const);
  const present = texts.flatMap(([each, body]) =>
    body === undefined ? [] : [`<!-- ${each} -->\n${body}<!-- end of ${each} -->\n`],
  );
  return [INTRODUCTION, ...present].join("\n");
}

export function ratesPart(results: RateResults, machine: Machine, command: string): string {
  return `## Beside Postfix

\`${command}\`

${machineTable(machine)}

One load source, one sink and one DNS server for all; relays in turn (A B A B …); 50 clients, with one message on each
connection or, in cells named \`kept\`, 100. Before a run 2,000 messages go through Postfix, and 12,000 through each process of the
relay, which is compiled while it runs. A cell is named by size, encryption and number of domains: \`tls\` domains publish an MTA-STS policy
in mode enforce and show a certificate that proves the host; \`plain\` domains have neither policy nor STARTTLS. Accept
rates are those while mail is delivered. CPU time is that of the relay and its Redis, or of all Postfix processes and, where
policies are enforced, postfix-mta-sts-resolver. Both have mail on disk before their 250. "Through" is the time from the start
of a message's transaction until its mail host has taken it, under full load; "others" is the part of the machine that was busy
with something else, or taken away from it where it is a virtual one.

### Ratios

To the Postfix that does best by that measure in that cell: median (least–most) over pairs. Of CPU time less is better.

${markdownTable(ratioTable(compare(results.measurements)))}

${figures(results)}`;
}

export function partsPart(results: RateResults, machine: Machine, command: string): string {
  const { measurements } = results;
  return `## Beside its own parts

\`${command}\`

${machineTable(machine)}

\`parts\` is smtp-server, BullMQ, ioredis and nodemailer with nothing around them but what moves a message
(\`scripts/lib/bench/relays/bare-parts-program.ts\`): no policies, no rules of mail, no fairness, no history, no log, no answer to
anything that goes wrong. It runs as one process, with the flags that the relay gives V8. It is what these parts do by
themselves: the relay beside it shows what all the rest costs, and what it has taken out of the parts' own cost.
Otherwise it is as in "Beside Postfix".

### Ratios to the parts

${markdownTable(ratioTable(compare(besidesPostfix(measurements), (relay) => relay === "parts")))}

### Ratios to the best Postfix

${markdownTable(ratioTable(compare(measurements)))}

${figures(results)}`;
}

const besidesPostfix = (measurements: Measurement[]) => measurements.filter(({ relay }) => !isPostfix(relay));

/** What was measured, and what is to be said of it, whatever it is compared with. */
function figures({ measurements, halfLoads, queueMemory, faults, skipped }: RateResults): string {
  const targets = [...halfLoadTargets(halfLoads), ...memoryTargets(queueMemory)];
  const wholeRuns = "Every accepted message was delivered once in every run.";
  return `### Figures

Medians of all runs.

${markdownTable(measuredTable(measurements))}
${halfLoads.length === 0 ? "" : halfLoadWords(halfLoads)}
${targets.length === 0 ? "" : `### Targets\n\n${targetTable(targets)}\n`}
${faults.length === 0 ? wholeRuns : `**Failed runs:**\n\n${faults.map((fault) => `- ${fault}`).join("\n")}`}
${skipped.length === 0 ? "" : `\nLeft out, because this relay ran as one process only: ${skipped.join(", ")}.`}
`;
}

function halfLoadWords(all: HalfLoads): string {
  return `
### At half load

Mail at half of the rate that the same relay has just delivered (4 KiB, enforced TLS, ten domains, kept connections).

${markdownTable(halfLoadTable(all))}
`;
}

type HalfLoads = RateResults["halfLoads"];

export function halfLoadTable(all: HalfLoads): Table {
  const rows = Object.entries(Object.groupBy(all, ({ measurement }) => measurement.relay)).map(([relay, runs = []]) => {
    const middle = (value: (each: HalfLoads[number]) => number) => figure(median(runs.map(value)));
    return [
      relay,
      middle(({ rate }) => rate),
      `${middle(({ measurement }) => measurement.waitMs.p50)} / ${middle(({ measurement }) => measurement.waitMs.p99)}`,
      `${middle(({ measurement }) => measurement.ackMs.p50)} / ${middle(({ measurement }) => measurement.ackMs.p99)}`,
      `${middle(({ measurement }) => measurement.endToEndMs.p50)} / ${middle(({ measurement }) => measurement.endToEndMs.p99)}`,
      middle(({ measurement }) => measurement.cpuPerThousand),
      `${Math.round(100 * median(runs.map(({ measurement }) => measurement.others)))} %`,
    ];
  });
  return {
    head: [
      "relay",
      "messages/s",
      "250 to delivered p50/p99 ms",
      "ack p50/p99 ms",
      "through p50/p99 ms",
      "CPU s/1000",
      "others",
    ],
    rows,
  };
}

export function fairnessPart(result: FairnessResult, machine: Machine, command: string): string {
  const { flood, dueAfterSeconds } = result;
  return `## Dead domains beside good ones

\`${command}\`

${machineTable(machine)}

${flood.dead} messages for a domain that refuses connections and ${flood.tarpit} for one that accepts them and never speaks
were in the relay's queue, taken at ${figure(flood.acceptRate)} a second. \`sts-relay queue retry --all\` made all of them due, which took it
${figure(dueAfterSeconds)} s, while ten good domains got mail at a steady rate. Before the flood the same flow was measured alone.

${markdownTable(fairnessTable(result))}

${targetTable(fairnessTargets(result))}
`;
}

function machineTable(machine: Machine): string {
  return markdownTable({ head: ["", ""], rows: machine.map(({ what, is }) => [what, is]) });
}

export function targetRows(targets: Target[]): Table {
  return {
    head: ["target", "aim", "reached", ""],
    rows: targets.map(({ what, aim, reached, isMet }) => [what, aim, reached, isMet ? "met" : "NOT met"]),
  };
}

const targetTable = (targets: Target[]): string => markdownTable(targetRows(targets));
