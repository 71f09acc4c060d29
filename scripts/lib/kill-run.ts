/**
 * The kill test: messages go in from several clients while the relay and its
 * Redis are killed again and again; then what arrived is counted at the other end.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type ExternalRedis, startExternalRedis } from "./external-redis.ts";
import { seededRandom } from "./random.ts";
import { createRelayProcess, type RelayProcess, tryToKill } from "./relay-process.ts";
import { type Sink, startSink } from "./sink.ts";
import { startSlowProxy } from "./slow-proxy.ts";
import { createSubmitter, handUntilTaken, type Letter } from "./submitter.ts";
import { type Handed, judge, type Kill, type Verdict } from "./verdict.ts";

export type KillRunOptions = {
  /** For settings, data and the relay's log. */
  dir: string;
  messages: number;
  kills: number;
  seed: number;
  clients: number;
  /** Mean time between two kills. */
  everyMs: number;
  /** From the start: what has not arrived by then is lost. */
  limitMs: number;
  /** `embedded`: the relay's own Redis. `external`: one beside it, killed as well. Or the URL of one that is left alone. */
  redis: "embedded" | "external" | { url: string };
  /** Of the relay, each killed now and then by itself. Default: 1. */
  processes?: number;
  /** What else happens to the external Redis. */
  trouble?: Trouble | undefined;
  say: (line: string) => void;
};

/** `slow`: each piece of data takes up to 40 ms. `full`: it refuses writes, a second at a time. `forgetful`: it loses its scripts. */
export type Trouble = "slow" | "full" | "forgetful";

export type KillReport = {
  verdict: Verdict;
  kills: Kill[];
  /** Times when a message was answered with something else than 250, by reply code or kind. */
  answers: Record<string, number>;
  /** Log lines of level error, by event. */
  errors: Record<string, number>;
  tookMs: number;
  /** From when all were in and the last kill was over, until all had arrived. */
  settledMs: number;
  exitCode: number | null;
  /** How often the relay gave up by itself, and was started again. */
  restarts: number;
};

export const KILL_RUN_DOMAINS = ["fast-1", "fast-2", "fast-3", "slow-1", "slow-2", "grey-1", "busy-1"].map(
  (name) => `${name}.test`,
);

/** A round trip to Redis, and its start with some data, on a machine with more to do than it can. */
const SLACK = { noteMs: 500, redisMs: 1_500 };

export async function runKillTest(options: KillRunOptions): Promise<KillReport> {
  await using stack = new AsyncDisposableStack();
  const random = seededRandom(options.seed);
  const startedAt = Date.now();
  const sink = await startSink(random);
  stack.defer(() => sink.close());
  const external = options.redis === "external" ? await startExternalRedis(options.dir, stack) : undefined;
  const redisUrl = await urlFor(options, external, random, stack);
  const relay = await createRelayProcess(
    {
      dir: options.dir,
      sink,
      domains: KILL_RUN_DOMAINS,
      work: { processes: options.processes ?? 1 },
      ...(redisUrl === undefined ? {} : { redisUrl }),
    },
    stack,
  );
  relay.start();

  const limit = AbortSignal.timeout(options.limitMs);
  const paceMs = (options.kills * options.everyMs) / options.messages;
  const sending = sendAll(options, relay.port, paceMs, limit);
  const troubling = new AbortController();
  const trouble = external === undefined ? undefined : makeTrouble(options.trouble, external, troubling.signal);
  const kills = await killAll(options, { relay, external, random, limit });
  const lastKillAt = kills.at(-1)?.at ?? startedAt;
  const handed = await sending;
  const allInAt = Date.now();
  troubling.abort();
  await trouble;
  options.say(`all ${handed.length} messages are in after ${seconds(Date.now() - startedAt)}, ${kills.length} kills`);

  await allArrived(handed, sink, limit);
  const settledMs = Date.now() - Math.max(lastKillAt, allInAt);
  // A second copy may still be on its way.
  await sleep(2_000);
  const exitCode = await relay.kill("SIGTERM");
  const givenUp = relay.gaveUpAt.map((at): Kill => ({ at, victim: "relay, by itself" }));
  return {
    verdict: judge(handed, sink.byRecipient, [...kills, ...givenUp], SLACK),
    kills,
    answers: count(handed.flatMap(({ tries }) => tries.filter(({ kind }) => kind !== "taken").map(wordsOf))),
    errors: count(relay.log().flatMap(({ level, event }) => (isError(level) ? [event ?? "?"] : []))),
    tookMs: Date.now() - startedAt,
    settledMs,
    exitCode,
    restarts: givenUp.length,
  };
}

async function urlFor(
  { redis, trouble }: KillRunOptions,
  external: ExternalRedis | undefined,
  random: () => number,
  stack: AsyncDisposableStack,
): Promise<string | undefined> {
  if (external === undefined) return typeof redis === "object" ? redis.url : undefined;
  if (trouble !== "slow") return `redis://127.0.0.1:${external.port}`;
  const proxy = await startSlowProxy(external, () => random() * 40);
  stack.defer(() => proxy.close());
  return `redis://127.0.0.1:${proxy.port}`;
}

/** Several clients, and each message at its time. */
async function sendAll(
  { messages, clients }: KillRunOptions,
  port: number,
  paceMs: number,
  limit: AbortSignal,
): Promise<Handed[]> {
  const handed: Handed[] = [];
  const startedAt = Date.now();
  let next = 0;
  const client = async () => {
    const submitter = createSubmitter(port);
    while (next < messages && !limit.aborted) {
      const letter = letterOf(next++);
      await sleep(Math.max(0, startedAt + letter.number * paceMs - Date.now()));
      handed.push({ ...letter, tries: await handUntilTaken(submitter, letter, limit) });
    }
    submitter.close();
  };
  await Promise.all(Array.from({ length: clients }, client));
  return handed;
}

/** Every fifth goes to two recipients in one domain and to one in another. */
export function letterOf(number: number): Letter {
  const [one, other] = [0, 1].map((i) => KILL_RUN_DOMAINS[(number + i) % KILL_RUN_DOMAINS.length]);
  const to =
    number % 5 === 0 ? [`a${number}@${one}`, `b${number}@${one}`, `c${number}@${other}`] : [`a${number}@${one}`];
  return { number, to, text: `Subject: ${number}\r\n\r\n${"kill test ".repeat(100)}\r\n` };
}

type Arena = { relay: RelayProcess; external: ExternalRedis | undefined; random: () => number; limit: AbortSignal };

async function killAll(options: KillRunOptions, { relay, external, random, limit }: Arena): Promise<Kill[]> {
  const kills: Kill[] = [];
  const mayKillRedis = typeof options.redis !== "object";
  while (kills.length < options.kills && !limit.aborted) {
    await sleep(options.everyMs * (0.2 + 1.6 * random()));
    const helpers = relay.helpers();
    const dice = random();
    const kill = (victim: Kill["victim"]) => void kills.push({ at: Date.now(), victim });
    const restartRelay = async () => {
      await relay.kill("SIGKILL");
      relay.start();
    };
    const killRedis = async () => {
      if (external === undefined) tryToKill(relay.redisPid());
      else {
        await external.kill();
        external.start();
      }
    };
    if (helpers.length > 0 && dice < 0.3) {
      kill("delivery process");
      tryToKill(helpers[Math.floor(random() * helpers.length)]);
    } else if (!mayKillRedis || dice < 0.5) {
      kill("relay");
      await restartRelay();
    } else if (dice < 0.85) {
      if (external === undefined && relay.redisPid() === undefined) continue;
      kill("redis");
      await killRedis();
    } else {
      kill("relay and redis");
      await Promise.all([killRedis(), restartRelay()]);
    }
    if (kills.length % 10 === 0) options.say(`${kills.length} kills`);
  }
  return kills;
}

async function makeTrouble(trouble: Trouble | undefined, redis: ExternalRedis, signal: AbortSignal): Promise<void> {
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined);
  while (!signal.aborted) {
    if (trouble === "forgetful") {
      await redis.ask("SCRIPT", "FLUSH");
      await pause(20);
    } else if (trouble === "full") {
      await pause(1_500);
      await redis.ask("CONFIG", "SET", "maxmemory", "1mb");
      await pause(1_000);
      await redis.ask("CONFIG", "SET", "maxmemory", "0");
    } else return;
  }
}

async function allArrived(handed: Handed[], sink: Sink, limit: AbortSignal): Promise<void> {
  const due = handed.filter(({ tries }) => tries.at(-1)?.kind === "taken").flatMap(({ to }) => to);
  while (!limit.aborted && due.some((recipient) => !sink.byRecipient.has(recipient))) await sleep(100);
}

const wordsOf = (one: Handed["tries"][number]) => (one.kind === "refused" ? one.reply.slice(0, 3) : one.kind);
const ERROR = 50;
const isError = (level: unknown) =>
  level === "error" || level === "fatal" || (typeof level === "number" && level >= ERROR);
const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

function count(words: string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(words, (word) => word)].map(([word, all]) => [word, all.length]));
}
