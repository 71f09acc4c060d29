/**
 * The queue as an operator sees and changes it: for the command line and the
 * admin port alike. Workers may run meanwhile.
 */
import type { Domain } from "../dns/answer.ts";
import type { StoreConnection } from "../store/connection.ts";
import { type Change, changeJobs, type ChangeResult } from "../store/queue-change.ts";
import type { JobState } from "../store/queue-layout.ts";
import { type QueuedJob, readJobs, readJobsOf, readSenders } from "../store/queue-read.ts";
import { type JobRef, queueLength, scanQueue } from "../store/queue-scan.ts";
import { type Destination, summarise } from "./destinations.ts";
import { isFrom, type Selection, selects } from "./selection.ts";

export type QueueOverview = {
  /** Delivery jobs: a message to three domains is three. */
  total: number;
  /** Of them, how many are in each state. */
  states: Record<JobState, number>;
  /** Those with the most jobs first. */
  destinations: Destination[];
  /** How many destinations there are in all. */
  destinationCount: number;
};

export type QueueList = {
  /** How many jobs are meant. */
  matched: number;
  /** The oldest of them. */
  jobs: QueuedJob[];
};

export type ChangeReport = {
  matched: number;
  results: Record<ChangeResult, number>;
  /** Nothing was changed: it was only counted what would be. */
  dryRun: boolean;
};

/** Told now and then: `done` of about `total`. */
export type OnProgress = (done: number, total: number) => void;

export type LongWork = { onProgress?: OnProgress; signal?: AbortSignal };

export type QueueService = {
  /** @param most destinations to give */
  overview(most: number, work?: LongWork): Promise<QueueOverview>;
  list(selection: Selection, most: number, work?: LongWork): Promise<QueueList>;
  change(change: Change, selection: Selection, work?: LongWork & { dryRun?: boolean }): Promise<ChangeReport>;
};

/** All methods reject with a `StoreError` while Redis is away. */
export function createQueueService(parts: {
  connection: Pick<StoreConnection, "redis">;
  now: () => number;
}): QueueService {
  const { redis } = parts.connection;

  const select = async (
    selection: Selection,
    { onProgress, signal }: LongWork,
    withTimes = false,
  ): Promise<JobRef[]> => {
    const found = new Map<string, JobRef>();
    const add = (jobs: JobRef[]) => {
      for (const job of jobs) if (selects(selection, job)) found.set(job.id, job);
    };
    if (selection.messages === undefined) {
      const total = onProgress === undefined ? 0 : await queueLength(redis);
      let seen = 0;
      for await (const step of scanQueue(redis, { to: selection.to, withTimes, signal })) {
        add(step.jobs);
        onProgress?.(Math.min((seen += step.seen), total), total);
      }
    } else {
      for (const message of selection.messages) add(await readJobsOf(redis, message));
    }
    const { from } = selection;
    if (from === undefined) return [...found.values()];
    const senders = await readSenders(redis, [...found.values()], signal);
    return [...found.values()].filter(({ id }) => isFrom(from, senders.get(id) ?? "?"));
  };

  return {
    overview: async (most, work = {}) => {
      const jobs = await select({}, work, true);
      const { states, destinations } = summarise(jobs);
      const shown = destinations.slice(0, most);
      const samples = shown.map(({ newest: { message, domain } }) => ({ message, domain }));
      const oldest = shown.map(({ oldest: { message, domain } }) => ({ message, domain }));
      const read = byDomain(await readJobs(redis, samples));
      const readOldest = byDomain(await readJobs(redis, oldest));
      return {
        total: jobs.length,
        states,
        destinationCount: destinations.length,
        destinations: shown.map(({ newest: _, oldest: __, ...destination }) => {
          const lastReason = read.get(destination.domain)?.data.waitingBecause;
          const oldestAt = readOldest.get(destination.domain)?.data.acceptedAt;
          return {
            ...destination,
            ...(oldestAt === undefined ? {} : { oldestAt }),
            ...(lastReason === undefined ? {} : { lastReason }),
          };
        }),
      };
    },
    list: async (selection, most, work = {}) => {
      const refs = await select(selection, work);
      // Ids begin with the time of acceptance.
      refs.sort((a, b) => (a.id < b.id ? -1 : 1));
      return { matched: refs.length, jobs: await readJobs(redis, refs.slice(0, most)) };
    },
    change: async (change, selection, { dryRun = false, ...work } = {}) => {
      const refs = await select(selection, work);
      const results: ChangeReport["results"] = { done: 0, ordered: 0, already: 0, gone: 0 };
      const report = { matched: refs.length, results, dryRun };
      if (dryRun) return report;
      let done = 0;
      for await (const step of changeJobs(redis, change, refs, parts.now, work.signal)) {
        for (const key of ["done", "ordered", "already", "gone"] as const) {
          results[key] += step[key];
          done += step[key];
        }
        work.onProgress?.(done, refs.length);
      }
      return report;
    },
  };
}

const byDomain = (jobs: QueuedJob[]): Map<Domain, QueuedJob> => new Map(jobs.map((job) => [job.domain, job]));
