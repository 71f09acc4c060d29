/**
 * One of the processes beside the main one, as the main one sees it.
 *
 * They are workers of node:cluster without its scheduling: the main process
 * binds each listening socket once and hands it on, and whichever process is
 * free takes the next connection from it. So no connection passes through the
 * main process, the port is one also where it was 0, a second relay on it is
 * refused as ever, and a process that dies takes no connection with it that
 * it has not accepted.
 */
import cluster from "node:cluster";
import { fileURLToPath } from "node:url";
import type { MetricsSnapshot } from "../observe/metrics.ts";
import type { Order, Word } from "./crew-talk.ts";
import { EXIT_CONFIG, EXIT_UNAVAILABLE, StartError } from "./start-error.ts";
import type { Submission } from "./submission.ts";

export type Member = {
  pid: number | undefined;
  /** Rejects when it cannot start; with a `StartError` unless the program is at fault. */
  ready: Promise<Submission["addresses"]>;
  /** Resolves when it has ended, with how in words. */
  ended: Promise<string>;
  send(order: Order): void;
  /** Asks what it has counted, and waits a moment for the answer. */
  count(): Promise<void>;
  /** The last that it told. */
  readonly counted: MetricsSnapshot | undefined;
  kill(): void;
};

const PROGRAM = fileURLToPath(new URL("../worker.ts", import.meta.url));
const COUNT_LIMIT_MS = 1_000;

export function startMember(begin: Extract<Order, { kind: "begin" }>): Member {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ exec: PROGRAM, args: [], execArgv: process.execArgv, serialization: "advanced" });
  const worker = cluster.fork();
  const ready = Promise.withResolvers<Submission["addresses"]>();
  const ended = Promise.withResolvers<string>();
  let counted: MetricsSnapshot | undefined;
  let counting: PromiseWithResolvers<void> | undefined;

  const send = (order: Order) => {
    // One that has just ended hears no more: that it has is told by `ended`.
    if (worker.isConnected()) worker.process.send?.(order, () => undefined);
  };
  worker.on("message", (word: Word) => {
    switch (word.kind) {
      case "here":
        return send(begin);
      case "ready":
        return ready.resolve(word.addresses);
      case "failed":
        return ready.reject(startFailure(word));
      case "counted":
        counted = word.metrics;
        counting?.resolve();
    }
  });
  const hasEnded = (how: string) => {
    const why = `process ${begin.process} ended while it started: ${how}`;
    ready.reject(new StartError(why, EXIT_UNAVAILABLE));
    counting?.resolve();
    ended.resolve(how);
  };
  worker.process.once("exit", (code, signal) =>
    hasEnded(signal === null ? `exit code ${code}` : `killed by ${signal}`),
  );
  worker.on("error", (err) => {
    // A process that could not be made has no exit.
    if (worker.process.pid === undefined) hasEnded(err.message);
  });
  ready.promise.catch(() => undefined);

  return {
    pid: worker.process.pid,
    ready: ready.promise,
    ended: ended.promise,
    send,
    async count() {
      if (!worker.isConnected()) return;
      if (counting === undefined) {
        const answer = Promise.withResolvers<void>();
        const limit = setTimeout(answer.resolve, COUNT_LIMIT_MS);
        void answer.promise.then(() => {
          clearTimeout(limit);
          counting = undefined;
        });
        counting = answer;
        send({ kind: "count" });
      }
      await counting.promise;
    },
    get counted() {
      return counted;
    },
    kill: () => void worker.process.kill("SIGKILL"),
  };
}

function startFailure({ why, exitCode }: Extract<Word, { kind: "failed" }>): Error {
  if (exitCode === EXIT_CONFIG || exitCode === EXIT_UNAVAILABLE) return new StartError(why, exitCode);
  return new Error(why);
}
