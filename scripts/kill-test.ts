/**
 * `scripts/kill-test`: kills the relay and its Redis again and again while mail
 * goes through, then counts. Ends with 1 when a message is lost, or came twice
 * without a kill that explains it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type KillReport, type KillRunOptions, runKillTest, type Trouble } from "./lib/kill-run.ts";

const USAGE = `Usage: scripts/kill-test [--messages 20000] [--kills 50] [--seed N] [--clients 8] [--every 2000]
                         [--limit 900] [--processes 1] [--external [--trouble slow|full|forgetful]] [--redis-url URL] [--keep]
  --every      mean time between two kills, in milliseconds
  --limit      seconds after which what has not arrived is lost
  --processes  of the relay; with several, single ones are killed as well
  --external   with a Redis beside the relay, killed as well, in place of the relay's own
  --trouble    what else happens to it: answers slowly, refuses writes at times, loses its scripts
  --redis-url  with this Redis, which should be empty and is not killed
  --keep       leaves settings, data and the relay's log behind
`;

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "20000" },
    kills: { type: "string", default: "50" },
    seed: { type: "string", default: `${Date.now() % 1_000_000}` },
    clients: { type: "string", default: "8" },
    every: { type: "string", default: "2000" },
    limit: { type: "string", default: "900" },
    processes: { type: "string", default: "1" },
    external: { type: "boolean", default: false },
    trouble: { type: "string" },
    "redis-url": { type: "string" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const dir = await mkdtemp(join(tmpdir(), "sts-relay-kill-"));
  const url = values["redis-url"];
  const options: KillRunOptions = {
    dir,
    messages: Number(values.messages),
    kills: Number(values.kills),
    seed: Number(values.seed),
    clients: Number(values.clients),
    everyMs: Number(values.every),
    limitMs: Number(values.limit) * 1_000,
    processes: Number(values.processes),
    redis: url === undefined ? (values.external ? "external" : "embedded") : { url },
    trouble: values.trouble as Trouble | undefined,
    say: (line) => process.stdout.write(`${line}\n`),
  };
  process.stdout.write(`${options.messages} messages, ${options.kills} kills, seed ${options.seed}, in ${dir}\n`);
  try {
    const report = await runKillTest(options);
    process.stdout.write(summary(report));
    const { lost, notAccepted, duplicates } = report.verdict;
    return lost.length + notAccepted > 0 || duplicates.some(({ unexplained }) => unexplained) ? 1 : 0;
  } finally {
    if (!values.keep) await rm(dir, { recursive: true, force: true });
  }
}

function summary({ verdict, kills, answers, errors, tookMs, settledMs, exitCode, restarts }: KillReport): string {
  const { accepted, due, arrived, lost, duplicates, notAccepted } = verdict;
  const unexplained = duplicates.filter((duplicate) => duplicate.unexplained);
  const victims = Object.entries(Object.groupBy(kills, ({ victim }) => victim));
  return [
    ...lost.map(({ number, recipient, queueId }) => `LOST: message ${number} to ${recipient}, accepted as ${queueId}`),
    ...duplicates.map(
      ({ recipient, copies, cause, unexplained: bad }) =>
        `${bad ? "UNEXPLAINED: " : ""}${copies.length} copies for ${recipient}: ${cause}`,
    ),
    `kills: ${kills.length} (${victims.map(([victim, all]) => `${victim} ${all.length}`).join(", ")})`,
    `accepted with 250: ${accepted} messages, for ${due} recipients; never accepted: ${notAccepted}`,
    `arrived: ${arrived}; lost: ${lost.length}`,
    `duplicates: ${duplicates.length}, of which no kill explains ${unexplained.length}`,
    `other answers to clients: ${JSON.stringify(answers)}`,
    `error lines of the relay: ${JSON.stringify(errors)}`,
    `took ${(tookMs / 1_000).toFixed(1)} s; all had arrived ${(settledMs / 1_000).toFixed(1)} s after the last of kills and messages; the relay ended with ${exitCode}, and gave up by itself ${restarts} times`,
    "",
  ].join("\n");
}

process.exitCode = await main();
