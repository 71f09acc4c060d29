/**
 * What an attempt's outcomes make of a job: which recipients are done, whether
 * the rest waits or is given up, and until when. Values to values; writing them
 * down is the caller's.
 */
import type { AttemptNote, DeliveryJobData, RecipientState } from "../mail/delivery-job.ts";
import { causeOf, combine, type Deferral, type Failure, type Outcome } from "./outcome.ts";
import { warnAt } from "./reports.ts";
import { isLastAttempt, mayWaitOn, nextAttemptAt, type RetryRules } from "./retry.ts";

export type Settlement = {
  data: DeliveryJobData;
  /** When the recipients that still wait are tried again; absent when none waits. */
  again?: { at: number; because: Deferral };
};

/** The recipients that an attempt is to deliver to. */
export function waitingRecipients(data: DeliveryJobData): string[] {
  return data.recipients.filter((recipient) => recipient.state === "waiting").map((recipient) => recipient.address);
}

/** Writes outcomes into a job; recipients without one stay as they are. */
export function withOutcomes(data: DeliveryJobData, outcomes: Map<string, Outcome>): DeliveryJobData {
  return {
    ...data,
    recipients: data.recipients.map((recipient) => withOutcome(recipient, outcomes.get(recipient.address))),
  };
}

/** For whoever looks at the job in Redis; the message's history holds them all. */
const MOST_NOTES = 5;

/**
 * @param startedAt when the attempt began: an attempt that began at or after the end of the message's life was its last
 * @param random a number from 0 to below 1
 * @param undecided a cached policy held the message back, and the DNS could not be asked for a newer one
 */
export function settle(
  data: DeliveryJobData,
  outcomes: Map<string, Outcome>,
  notes: AttemptNote[],
  when: { startedAt: number; now: number; rules: RetryRules; random: number; undecided?: boolean },
): Settlement {
  const expiresAt = Date.parse(data.expiresAt);
  const waitsOn = when.undecided === true && mayWaitOn(when.now, expiresAt, when.rules);
  const overdue = isLastAttempt(when.startedAt, expiresAt);
  const last = overdue && !waitsOn;
  const finals = last ? mapValues(outcomes, givenUp) : outcomes;
  const { waitingBecause: _before, ...rest } = withOutcomes(data, finals);
  const settled: DeliveryJobData = {
    ...rest,
    attempt: data.attempt + 1,
    attempts: [...data.attempts, ...notes].slice(-MOST_NOTES),
  };
  const deferrals = [...finals.values()].filter((outcome) => outcome.kind === "deferred");
  if (waitingRecipients(settled).length === 0) return { data: settled };
  const because = combine(deferrals);
  const next = nextAttemptAt(when.now, settled.attempt, overdue ? Infinity : expiresAt, when.rules, when.random);
  // The next attempt is not later than the note that it is late: the note says what that attempt found.
  const noteAt = warnAt(settled, when.rules.warnAfterMs);
  const at = when.now < noteAt ? Math.min(next, Math.max(noteAt, when.now + 1000)) : next;
  return { data: { ...settled, waitingBecause: because.detail }, again: { at, because } };
}

function withOutcome(before: RecipientState, outcome: Outcome | undefined): RecipientState {
  if (outcome === undefined || before.state !== "waiting") return before;
  const { cause: _, said: _before, ...recipient } = before;
  if (outcome.kind === "delivered") {
    const { host, tls, reply, relayed } = outcome;
    const detail = `${host} (${tls}) said: ${reply}`;
    const toTell = relayed === true ? { relayed: "to tell" as const, said: { host, reply } } : {};
    return { ...recipient, state: "delivered", status: "2.0.0", detail, ...toTell };
  }
  const { kind, status, detail, said } = outcome;
  const why = { status, detail, cause: causeOf(outcome), ...(said === undefined ? {} : { said }) };
  return { ...recipient, ...why, state: kind === "failed" ? "failed" : "waiting" };
}

/**
 * The end of a message's life turns its last deferral into a failure. Security
 * failures keep their status, so that the reason stays visible; the rest
 * becomes "delivery time expired". RFC 3463 section 3.5.
 */
function givenUp(outcome: Outcome): Outcome {
  if (outcome.kind !== "deferred") return outcome;
  const status: Failure["status"] = outcome.status.startsWith("4.7.")
    ? (outcome.status.replace("4", "5") as Failure["status"])
    : "5.4.7";
  const { said } = outcome;
  const why = { cause: causeOf(outcome), ...(said === undefined ? {} : { said }) };
  return { kind: "failed", status, detail: `given up after the last attempt. ${outcome.detail}`, ...why };
}

function mapValues<K, V>(map: Map<K, V>, change: (value: V) => V): Map<K, V> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}
