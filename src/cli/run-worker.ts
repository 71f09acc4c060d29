/**
 * One of the processes that do the work of a relay with several. It hears from
 * the main process what to do, and ends when it hears no more.
 */
import cluster from "node:cluster";
import type { Config } from "../config/config.ts";
import { createEvents, type Events } from "../observe/events.ts";
import { createLog } from "../observe/log.ts";
import { wholeLines } from "../observe/whole-lines.ts";
import type { Order, Word } from "../relay/crew-talk.ts";
import { workerDuties } from "../relay/duties.ts";
import { type Relay, startRelay } from "../relay/relay.ts";
import { shareOf } from "../relay/share.ts";
import { StartError } from "../relay/start-error.ts";
import { whyNotStarted } from "./why-not-started.ts";

type Begin = Extract<Order, { kind: "begin" }>;

/** Beyond the grace for deliveries: jobs are given back to Redis, which may be away. */
const END_LIMIT_MS = 15_000;

export async function runWorker(): Promise<void> {
  const { begun, stopped, follow } = hear();
  const begin = await Promise.race([begun, stopped]);
  if (begin === undefined) process.exit(0);
  const log = createLog({ ...begin.config.log, ...wholeLines(begin.config.log) }).child({ process: begin.process });
  try {
    const relay = await startRelay(share(begin, begin.config), {
      log,
      events: quieter(createEvents(log)),
      duties: workerDuties(begin.config.role),
      redis: begin.redis,
    }).catch(whyNotStarted);
    let graceMs = begin.config.shutdown.graceMs;
    follow(async (order) => {
      if (order.kind === "reload") graceMs = order.config.shutdown.graceMs;
      await obey(order, relay, begin);
    });
    void say({ kind: "ready", addresses: relay.addresses });
    await stopped;
    // With the main process gone, nobody else ends it.
    setTimeout(() => process.exit(1), graceMs + END_LIMIT_MS).unref();
    await relay.stop();
    await tellCounted(relay);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (!(error instanceof StartError)) createEvents(log).fault({ where: "a process of the relay", err: error });
    await say({ kind: "failed", why, ...(error instanceof StartError ? { exitCode: error.exitCode } : {}) });
    process.exit(1);
  }
  process.exit(0);
}

/** Orders that come before they can be followed are kept. */
function hear() {
  const begun = Promise.withResolvers<Begin>();
  const stopped = Promise.withResolvers<undefined>();
  const kept: Order[] = [];
  let follow = (order: Order) => void kept.push(order);
  process.on("message", (order: Order) => {
    if (order.kind === "begin") begun.resolve(order);
    else if (order.kind === "stop") stopped.resolve(undefined);
    else follow(order);
  });
  // node:cluster would end the process then, with mail in its hands.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
  process.once("disconnect", () => stopped.resolve(undefined));
  process.on("SIGTERM", () => stopped.resolve(undefined));
  // A terminal sends these to all processes; what they mean comes from the main process.
  for (const signal of ["SIGINT", "SIGHUP"]) process.on(signal, () => undefined);
  void say({ kind: "here" });
  return {
    begun: begun.promise,
    stopped: stopped.promise,
    follow: (then: (order: Order) => Promise<void>) => {
      follow = (order) => void then(order);
      for (const order of kept) follow(order);
    },
  };
}

async function obey(order: Order, relay: Relay, begin: Begin): Promise<void> {
  switch (order.kind) {
    case "reload":
      return relay.reload(share(begin, order.config));
    case "take-over":
      return relay.takeOver();
    case "count":
      return tellCounted(relay);
    case "begin":
    case "stop":
  }
}

async function tellCounted(relay: Relay): Promise<void> {
  const metrics = await relay.counted();
  if (metrics !== undefined) await say({ kind: "counted", metrics });
}

const share = ({ process, of }: Begin, config: Config) => shareOf(config, { index: process - 1, of });

/** Resolves when it has been sent; also when nobody is there to hear it. */
function say(word: Word): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(word, undefined, undefined, () => resolve());
    else resolve();
  });
}

/** What is said once for the whole relay, by its main process. */
const quieter = (events: Events): Events => ({
  ...events,
  started: () => undefined,
  stopped: () => undefined,
  configurationApplied: () => undefined,
  restartNeeded: () => undefined,
});
