/**
 * An attempt as the history keeps it: what was known of the policy, which hosts
 * were tried and what they showed, and what became of each recipient.
 */
import { createHash } from "node:crypto";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import type { AttemptEntry, HostNote, OutcomeNote, PolicyNote } from "../mail/history.ts";
import type { PolicyAnswer } from "../mta-sts/answer.ts";
import type { Outcome } from "./outcome.ts";
import type { Settlement } from "./settle.ts";

export type Attempt = {
  startedAt: number;
  /** As it was before the attempt. */
  job: DeliveryJobData;
  /** Absent when the attempt ended before the policy was asked for. */
  answer?: PolicyAnswer;
  hosts: HostNote[];
  outcomes: Map<string, Outcome>;
  settlement: Settlement;
};

const MOST_HOSTS = 12;
const MOST_RECIPIENTS = 50;
const LONGEST_TEXT = 600;

export function attemptEntry(attempt: Attempt): AttemptEntry {
  const { startedAt, job, answer, settlement } = attempt;
  const policy = answer === undefined ? undefined : policyNote(answer);
  const hosts = attempt.hosts.slice(0, MOST_HOSTS).map((host) => ({ ...host, result: short(host.result) }));
  const outcomes = outcomeNotes(attempt);
  const wasTried = hosts.length > 0 || settlement.data.attempt > job.attempt;
  return {
    kind: "attempt",
    at: new Date(startedAt).toISOString(),
    domain: job.domain,
    attempt: wasTried ? job.attempt + 1 : 0,
    ...(policy === undefined ? {} : { policy }),
    hosts,
    outcomes,
    ...(settlement.again === undefined ? {} : { nextAt: new Date(settlement.again.at).toISOString() }),
    // After the last attempt there is none that it could be compared with.
    same: settlement.again === undefined ? "" : sameness(policy, hosts, outcomes),
  };
}

function policyNote(answer: PolicyAnswer): PolicyNote {
  switch (answer.kind) {
    case "policy": {
      const { known, recordChecked: record, failure } = answer;
      const fetchedAt = new Date(known.fetchedAt).toISOString();
      const note = { kind: answer.kind, mode: known.policy.mode, id: known.id, fetchedAt, record };
      return failure === undefined ? note : { ...note, detail: short(failure.detail) };
    }
    case "none":
      return { kind: answer.kind, because: answer.because, detail: short(answer.detail) };
    case "unknown":
      return { kind: answer.kind, detail: short(answer.detail) };
  }
}

/** Recipients with the same outcome together; in the words of the settlement, which knows of giving up. */
function outcomeNotes({ outcomes, settlement }: Attempt): OutcomeNote[] {
  const settled = new Map(settlement.data.recipients.map((recipient) => [recipient.address, recipient]));
  const groups = new Map<string, OutcomeNote>();
  for (const [address, outcome] of outcomes) {
    const { state = "waiting", status, detail = "" } = settled.get(address) ?? {};
    const note: OutcomeNote = {
      to: [],
      state,
      ...(status === undefined ? {} : { status }),
      ...(outcome.kind === "deferred" ? { reason: outcome.reason } : {}),
      detail: outcome.kind === "delivered" ? outcome.host : short(detail),
    };
    const key = JSON.stringify(note);
    const group = groups.get(key) ?? note;
    if (group.to.length < MOST_RECIPIENTS) group.to.push(address);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Not by the words of hosts: many put a time or a number into each reply. */
function sameness(policy: PolicyNote | undefined, hosts: HostNote[], outcomes: OutcomeNote[]): string {
  const parts = [
    policy?.kind === "policy" ? [policy.mode, policy.id, policy.record] : [policy],
    hosts.map(({ host, address, required, tls, verdict }) => [host, address, required, tls, verdict].join(" ")).sort(),
    outcomes.map(({ to, state, status, reason }) => [state, status, reason, ...to].join(" ")).sort(),
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, 12);
}

const short = (text: string) => (text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1)}…` : text);
