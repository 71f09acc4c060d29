/**
 * The processes that do the work of a relay with several: started, kept
 * running, told what changes, and ended by the main process.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../config/config.ts";
import type { Events } from "../observe/events.ts";
import type { MetricsSnapshot } from "../observe/metrics.ts";
import { addUp, totalsOf } from "../observe/metrics-sum.ts";
import { type Member, startMember } from "./crew-member.ts";
import type { Order } from "./crew-talk.ts";
import { restartAfter } from "./restart.ts";
import type { StoreTarget } from "./store.ts";
import type { Submission } from "./submission.ts";

export type Crew = {
  addresses: Submission["addresses"];
  reload(config: Config): void;
  /** In words: which processes do not run. `undefined` when all do. */
  trouble(): string | undefined;
  /** What all of them have counted, those that have ended among them. */
  counted(): Promise<MetricsSnapshot[]>;
};

export type CrewParts = {
  live: () => Config;
  redis: StoreTarget;
  events: Pick<Events, "processStarted" | "processEnded" | "processFailed">;
  /** Called when a process has ended, and when another has its place: mail may wait that only the dead one knew of. */
  onChange: () => void;
};

/** One place in the crew: who has it changes, its number stays. */
type Post = {
  process: number;
  member: Member;
  startedAt: number;
  shortLives: number;
  state: "starting" | "ready" | "ended";
};

/** What a process has counted is asked for so often, so that little is lost when it is killed. */
const COUNT_EVERY_MS = 5_000;
/** Beyond the grace for deliveries: jobs are given back to Redis, which may be away. */
const END_LIMIT_MS = 15_000;

/** Exit codes beyond it tell a signal. */
const SIGNALLED = 128;

/** Resolves when all are ready. What it starts, `stack` stops. */
export async function startCrew(parts: CrewParts, stack: AsyncDisposableStack): Promise<Crew> {
  const { live, redis, events } = parts;
  const of = live().processes;
  const stopping = new AbortController();
  /** What those have counted that have ended. */
  let past: Promise<MetricsSnapshot | undefined> = Promise.resolve(undefined);

  const begin = (process: number): Member => startMember({ kind: "begin", process, of, config: live(), redis });
  const posts = Array.from({ length: of }, (_, index): Post => {
    const process = index + 1;
    return { process, member: begin(process), startedAt: Date.now(), shortLives: 0, state: "starting" };
  });
  const tell = (order: Order) => {
    for (const { member } of posts) member.send(order);
  };

  const isReady = async (post: Post) => {
    const addresses = await post.member.ready;
    post.state = "ready";
    events.processStarted({ process: post.process, pid: post.member.pid });
    return addresses;
  };

  const startAgain = async (post: Post) => {
    const life = restartAfter(Date.now() - post.startedAt, post.shortLives);
    await sleep(life.delayMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    if (stopping.signal.aborted) return;
    const member = begin(post.process);
    Object.assign(post, { member, startedAt: Date.now(), shortLives: life.shortLives, state: "starting" });
    await isReady(post).then(parts.onChange, (err: unknown) => {
      if (!stopping.signal.aborted) events.processFailed({ process: post.process, pid: post.member.pid, err });
    });
  };

  const keep = async (post: Post) => {
    while (true) {
      const how = await post.member.ended;
      const wasReady = post.state === "ready";
      post.state = "ended";
      const totals = totalsOf(post.member.counted);
      past = past.then((before) => addUp([before, totals]));
      if (stopping.signal.aborted) return;
      if (wasReady) events.processEnded({ process: post.process, pid: post.member.pid, how });
      tell({ kind: "take-over" });
      parts.onChange();
      await startAgain(post);
    }
  };

  // Ended at once, by a second signal, the relay leaves nobody who goes on by himself.
  const atOnce = (code: number) => {
    if (code > SIGNALLED) killAll(posts);
  };
  process.once("exit", atOnce);
  stack.defer(() => void process.off("exit", atOnce));
  let keeping: Promise<unknown> = Promise.all(posts.map(({ member }) => member.ended));
  stack.defer(async () => {
    stopping.abort();
    tell({ kind: "stop" });
    const late = setTimeout(() => killAll(posts), live().shutdown.graceMs + END_LIMIT_MS);
    await keeping;
    clearTimeout(late);
  });

  const [addresses = []] = await Promise.all(posts.map(isReady));
  keeping = Promise.all(posts.map(keep));
  const timer = setInterval(() => {
    for (const { member } of posts) void member.count();
  }, COUNT_EVERY_MS);
  stack.defer(() => clearInterval(timer));

  return {
    addresses,
    reload: (config) => tell({ kind: "reload", config }),
    trouble() {
      const away = posts.filter(({ state }) => state !== "ready").map((post) => post.process);
      return away.length === 0 ? undefined : `started again, and not ready yet: process ${away.join(", ")} of ${of}`;
    },
    async counted() {
      await Promise.all(posts.map(({ member }) => member.count()));
      const living = posts.filter(({ state }) => state !== "ended").map(({ member }) => member.counted);
      return [...living, await past].filter((known) => known !== undefined);
    },
  };
}

function killAll(posts: Post[]): void {
  for (const { member } of posts) member.kill();
}
