/**
 * `scripts/soak`: mail at half of what the relay can do here, for half an hour,
 * with the memory of relay and Redis sampled. Ends with 1 when memory grows, a
 * message is lost or comes twice, or the relay's log has a line of level error.
 */
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createRelayProcess, type RelayProcess } from "./lib/relay-process.ts";
import { growth, type Sample } from "./lib/growth.ts";
import { type Sink, startSink } from "./lib/sink.ts";
import { createSubmitter, handUntilTaken } from "./lib/submitter.ts";

const USAGE = `Usage: scripts/soak [--minutes 30] [--rate N] [--clients 20] [--keep]
  --rate   messages a second; default: half of what goes through in a first run of ten seconds
  --keep   leaves settings, data and the relay's log behind
`;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    rate: { type: "string" },
    clients: { type: "string", default: "20" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const DOMAINS = Array.from({ length: 10 }, (_, i) => `fast-${i}.test`);
const TEXT = `Subject: soak\r\n\r\n${`${"soak ".repeat(14)}\r\n`.repeat(56)}`;
const SAMPLE_MS = 2_000;
const TRIAL_MS = 10_000;
/** Of the memory at the start of the second half, an hour: less is noise. */
const TOLERATED_SHARE_PER_HOUR = 0.25;

type Soak = { relay: RelayProcess; sink: Sink; clients: number; sent: number };

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const dir = await mkdtemp(join(tmpdir(), "sts-relay-soak-"));
  try {
    return await soak(dir);
  } finally {
    if (!values.keep) await rm(dir, { recursive: true, force: true });
  }
}

async function soak(dir: string): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const sink = await startSink();
  stack.defer(() => sink.close());
  // As it is run: each message in the log, and a history of a few, so that its bound is reached soon.
  const change = { history: { maxMessages: 5_000 } };
  const relay = await createRelayProcess({ dir, sink, domains: DOMAINS, change, logLevel: "info" }, stack);
  relay.start();
  const state: Soak = { relay, sink, clients: Number(values.clients), sent: 0 };
  const rate = values.rate === undefined ? Math.max(1, (await trial(state)) / 2) : Number(values.rate);
  const minutes = Number(values.minutes);
  say(`${rate.toFixed(0)} messages a second for ${minutes} minutes`);
  const samples = await run(state, rate, minutes * 60_000);
  await settled(state);
  const exitCode = await relay.kill("SIGTERM");
  return report(state, samples, exitCode);
}

/** Messages a second, as many as go through. */
async function trial(state: Soak): Promise<number> {
  await send(state, Infinity, TRIAL_MS);
  const begun = Date.now();
  await settled(state);
  return (state.sent * 1_000) / (TRIAL_MS + Date.now() - begun);
}

async function run(state: Soak, rate: number, forMs: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const begun = Date.now();
  const sampling = setInterval(() => {
    const [relayBytes, redisBytes] = [state.relay.pid(), state.relay.redisPid()].map(residentBytes);
    if (relayBytes === undefined || redisBytes === undefined) return;
    samples.push({ at: Date.now() - begun, relayBytes, redisBytes });
    if (samples.length % 30 === 0) {
      say(
        `${((Date.now() - begun) / 60_000).toFixed(1)} min: ${state.sink.copies.length} arrived, relay ${mib(relayBytes)}, Redis ${mib(redisBytes)}`,
      );
    }
  }, SAMPLE_MS);
  try {
    await send(state, rate, forMs);
  } finally {
    clearInterval(sampling);
  }
  return samples;
}

async function send(state: Soak, rate: number, forMs: number): Promise<void> {
  const begun = Date.now();
  const first = state.sent;
  const client = async () => {
    const submitter = createSubmitter(state.relay.port);
    while (true) {
      const number = state.sent++;
      const dueAt = begun + ((number - first) * 1_000) / rate;
      if (Math.max(dueAt, Date.now()) > begun + forMs) {
        state.sent -= 1;
        break;
      }
      if (dueAt > Date.now()) await sleep(dueAt - Date.now());
      const to = [`user${number}@${DOMAINS[number % DOMAINS.length]}`];
      await handUntilTaken(submitter, { number, to, text: TEXT }, AbortSignal.timeout(60_000));
    }
    submitter.close();
  };
  await Promise.all(Array.from({ length: state.clients }, client));
}

async function settled({ sink, sent }: Soak): Promise<void> {
  const until = Date.now() + 60_000;
  while (sink.byRecipient.size < sent && Date.now() < until) await sleep(50);
}

function report({ relay, sink, sent }: Soak, samples: Sample[], exitCode: number | null): number {
  const { perHour, shareOfSize } = growth(samples);
  const errors = relay.log().filter(({ level }) => level === "error" || level === "fatal");
  const lost = sent - sink.byRecipient.size;
  const duplicates = sink.copies.length - sink.byRecipient.size;
  const last = samples.at(-1);
  say(`sent ${sent}, lost ${lost}, duplicates ${duplicates}`);
  say(`memory at the end: relay ${mib(last?.relayBytes ?? 0)}, Redis ${mib(last?.redisBytes ?? 0)}`);
  for (const who of ["relay", "redis"] as const) {
    say(
      `growth of ${who} in the second half: ${mib(perHour[who])} an hour, ${(100 * shareOfSize[who]).toFixed(1)} % of its size`,
    );
  }
  say(
    `error lines: ${errors.length}${errors.length === 0 ? "" : `, the first: ${JSON.stringify(errors[0]).slice(0, 300)}`}`,
  );
  say(`the relay ended with ${exitCode}, and gave up by itself ${relay.gaveUpAt.length} times`);
  // In a few minutes a slope says nothing.
  const longEnough = (last?.at ?? 0) >= 20 * 60_000;
  const grows = longEnough && Object.values(shareOfSize).some((share) => share > TOLERATED_SHARE_PER_HOUR);
  return grows || lost > 0 || duplicates > 0 || errors.length > 0 || exitCode !== 0 ? 1 : 0;
}

function residentBytes(pid: number | undefined): number | undefined {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return line === null ? undefined : Number(line[1]) * 1_024;
  } catch {
    return undefined;
  }
}

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const say = (line: string) => void process.stdout.write(`${line}\n`);

process.exitCode = await main();
