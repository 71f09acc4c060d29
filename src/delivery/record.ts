/**
 * Writes down what happens in an attempt, as it happens: in the job, so that a
 * job run twice does not send twice, and in the log.
 */
import type { AttemptNote, DeliveryJobData } from "../mail/delivery-job.ts";
import type { HistoryEntry, HostNote } from "../mail/history.ts";
import type { PolicyAnswer } from "../mta-sts/answer.ts";
import type { Events } from "../observe/events.ts";
import { attemptEntry } from "./attempt-entry.ts";
import type { Outcome } from "./outcome.ts";
import { type Settlement, waitingRecipients, withOutcomes } from "./settle.ts";
import type { SessionSeen } from "./session-seen.ts";
import type { WalkReport } from "./walk.ts";

export type Recorder = WalkReport & {
  /** The job with the outcomes so far. */
  data(): DeliveryJobData;
  readonly notes: AttemptNote[];
  /** What is known of the domain's policy. */
  policy(answer: PolicyAnswer): void;
  /** A policy that is cached held the message back, and whether there is a newer one could not be asked. */
  undecided(outcomes: Map<string, Outcome>): boolean;
  /** The attempt's end: a line for each outcome, recipients with the same one together. */
  log(outcomes: Map<string, Outcome>, settlement: Settlement): void;
};

export function createRecorder(
  parts: { events: Events; now: () => number; onSession?: (seen: SessionSeen) => void },
  job: {
    data: DeliveryJobData;
    save(data: DeliveryJobData): Promise<void>;
    remember?(data: DeliveryJobData): void;
    note(entry: HistoryEntry): void;
  },
): Recorder {
  const { events } = parts;
  const { message, domain } = job.data;
  const startedAt = parts.now();
  const notes: AttemptNote[] = [];
  const hosts: HostNote[] = [];
  let known: { answer: PolicyAnswer } | undefined;
  let data = job.data;
  return {
    // Not `get data()`: V8 makes a class of its own for each such object, keeps it as memory that is old, and the
    // message with it.
    data: () => data,
    notes,
    policy(answer) {
      known = { answer };
    },
    undecided(outcomes) {
      const answer = known?.answer;
      if (answer?.kind !== "policy" || answer.recordChecked !== "could-not-ask") return false;
      return [...outcomes.values()].some(
        (outcome) => outcome.kind === "deferred" && outcome.reason === "policy-violation",
      );
    },
    attempt({ at, tookAll, ...what }) {
      hosts.push(what);
      const { verdict, certificate: _certificate, ...host } = what;
      notes.push({ at, ...host });
      events.attempt({ message, domain, verdict, ...host, ...(tookAll === true ? { tookAll } : {}) });
    },
    violation(host, shortfall) {
      events.violation({ message, domain, host, resultType: shortfall.resultType, detail: shortfall.reason });
    },
    changed(host, what) {
      events.messageChanged({ message, domain, host, what });
    },
    session(seen) {
      parts.onSession?.({ domain, ...seen });
    },
    async settled(outcomes) {
      // Only what a host accepted or refused for good; a deferral becomes one when the whole attempt has ended.
      const final = new Map([...outcomes].filter(([, outcome]) => outcome.kind !== "deferred"));
      data = withOutcomes(data, final);
      job.remember?.(data);
      // With nobody left waiting, the end of the attempt follows at once and writes the same.
      if (final.size > 0 && waitingRecipients(data).length > 0) await job.save(data);
    },
    log(outcomes, settlement) {
      for (const [outcome, to] of byOutcome(outcomes)) {
        logOutcome({ ...parts, hosts }, job.data, outcome, to, settlement);
      }
      if (outcomes.size === 0) return;
      job.note(attemptEntry({ startedAt, job: job.data, ...known, hosts, outcomes, settlement }));
    },
  };
}

function byOutcome(outcomes: Map<string, Outcome>): Map<Outcome, string[]> {
  // As nearly all mail has it.
  if (outcomes.size === 1) return new Map([...outcomes].map(([address, outcome]) => [outcome, [address]]));
  const groups = new Map<string, { outcome: Outcome; to: string[] }>();
  for (const [address, outcome] of outcomes) {
    const key = JSON.stringify(outcome);
    const group = groups.get(key) ?? { outcome, to: [] };
    group.to.push(address);
    groups.set(key, group);
  }
  return new Map([...groups.values()].map(({ outcome, to }) => [outcome, to]));
}

function logOutcome(
  { events, now, hosts }: { events: Events; now: () => number; hosts: HostNote[] },
  job: DeliveryJobData,
  outcome: Outcome,
  to: string[],
  settlement: Settlement,
): void {
  const { message, domain } = job;
  if (outcome.kind === "delivered") {
    const ageMs = now() - Date.parse(job.acceptedAt);
    const { host, tls, reply } = outcome;
    const { address, required } = hosts.findLast((each) => each.host === host) ?? {};
    const by = { ...(address === undefined ? {} : { address }), ...(required === undefined ? {} : { required }) };
    events.delivered({ message, domain, to, host, ...by, tls, reply, ageMs });
  } else if (outcome.kind === "deferred" && settlement.again !== undefined) {
    const nextAttemptAt = new Date(settlement.again.at).toISOString();
    const { reason, detail } = outcome;
    events.deferred({ message, domain, to, reason, detail, nextAttemptAt, attempt: settlement.data.attempt });
  } else {
    const state = settlement.data.recipients.find((recipient) => recipient.address === to[0]);
    events.failed({ message, domain, to, status: state?.status ?? "5.0.0", detail: state?.detail ?? outcome.detail });
  }
}
