/** The queue summed up by destination. Values to values. */
import type { Domain } from "../dns/answer.ts";
import type { JobState } from "../store/queue-layout.ts";
import type { JobRef } from "../store/queue-scan.ts";

export type Destination = {
  domain: Domain;
  /** Its delivery jobs. */
  queued: number;
  states: Record<JobState, number>;
  /** When the oldest of its messages was accepted, ISO 8601. */
  oldestAt?: string;
  /** When the next of its jobs is due, ISO 8601; absent where none is put off. */
  nextAt?: string;
  /** Why the one that was put off last waits. */
  lastReason?: string;
};

/** With one job of each destination to read: the oldest, and the one that was put off last. */
export type SampledDestination = Destination & { oldest: JobRef; newest: JobRef };

const noStates = (): Record<JobState, number> => ({ waiting: 0, active: 0, deferred: 0, due: 0, held: 0 });

/** Destinations with the most jobs first. */
export function summarise(jobs: Iterable<JobRef>): {
  states: Record<JobState, number>;
  destinations: SampledDestination[];
} {
  const states = noStates();
  const found = new Map<Domain, SampledDestination>();
  const nextAt = new Map<Domain, number>();
  for (const job of jobs) {
    const { domain, state, at } = job;
    states[state] += 1;
    let destination = found.get(domain);
    if (destination === undefined) {
      destination = { domain, queued: 0, states: noStates(), oldest: job, newest: job };
      found.set(domain, destination);
    }
    destination.queued += 1;
    destination.states[state] += 1;
    // Ids begin with the time of acceptance.
    if (job.id < destination.oldest.id) destination.oldest = job;
    if (putOffAt(job) > putOffAt(destination.newest)) destination.newest = job;
    if (state === "deferred" && at !== undefined) nextAt.set(domain, Math.min(at, nextAt.get(domain) ?? at));
  }
  const destinations = [...found.values()].map((destination) => {
    const next = nextAt.get(destination.domain);
    return next === undefined ? destination : { ...destination, nextAt: new Date(next).toISOString() };
  });
  destinations.sort((a, b) => b.queued - a.queued || (a.domain < b.domain ? -1 : 1));
  return { states, destinations };
}

/** Whoever was put off last has, as a rule, the latest time to be tried again. */
const putOffAt = ({ state, at = 0 }: JobRef): number => (state === "deferred" ? at : 0);
