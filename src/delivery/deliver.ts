/**
 * The delivery of one job: find the route and the policy, walk the hosts,
 * write down what became of each recipient.
 */
import type { Domain } from "../dns/answer.ts";
import type { AcceptedMessage } from "../mail/envelope.ts";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import type { HistoryEntry } from "../mail/history.ts";
import type { Events } from "../observe/events.ts";
import { bounceFor } from "./bounce.ts";
import type { DomainRule } from "./domain-rules.ts";
import type { Failure, Outcome } from "./outcome.ts";
import { makePlan, type PlanParts } from "./plan.ts";
import { isLastAttempt, type RetryRules } from "./retry.ts";
import type { SessionSeen } from "./session-seen.ts";
import { asReported, settle, unreported, waitingRecipients, withOutcomes } from "./settle.ts";
import { createRecorder, type Recorder } from "./record.ts";
import { walk, type WalkParts } from "./walk.ts";

/** A job as the queue hands it over. */
export type Job = {
  data: DeliveryJobData;
  /** `undefined` when the body is gone. */
  readBody(): Promise<Buffer | undefined>;
  save(data: DeliveryJobData): Promise<void>;
  /** The bounce and this job's new data, both or neither. */
  addBounce(bounce: AcceptedMessage, lifetimeMs: number, data: DeliveryJobData): Promise<void>;
  /** For the message's history. */
  note(entry: HistoryEntry): void;
  /** An operator has given the message up. */
  giveUp?: { by: string; reason?: string };
};

export type JobResult = { kind: "finished" } | { kind: "again"; at: number };

export type DeliveryParts = WalkParts &
  PlanParts & {
    ruleOf: (domain: Domain) => DomainRule;
    /** Time for one attempt, over all hosts. */
    attemptTimeoutMs: number;
    retry: RetryRules;
    events: Events;
    /** Called for each message and session; it must not take time. */
    onSession?: (seen: SessionSeen) => void;
  };

export function createDelivery(parts: DeliveryParts): (job: Job, signal: AbortSignal) => Promise<JobResult> {
  return async (job, signal) => {
    const startedAt = parts.now();
    const recipients = waitingRecipients(job.data);
    // A run that broke off after the last outcome was written has only its report left to do.
    if (recipients.length === 0) return finish(parts, job, job.data, await job.readBody());
    const body = await job.readBody();
    if (body === undefined) return loseBody(parts, job, recipients);
    if (job.giveUp !== undefined) return giveUp(parts, job, recipients, job.giveUp);

    const { exception } = parts.ruleOf(job.data.domain);
    const recorder = createRecorder(parts, job);
    using limit = withLimit(signal, parts.attemptTimeoutMs);
    const outcomes = await attempt(parts, job.data, body, recorder, limit.signal, startedAt);
    if (signal.aborted) return putBack(parts, job, outcomes, recorder);
    const settlement = settle(recorder.data, outcomes, recorder.notes, {
      startedAt,
      now: parts.now(),
      rules: parts.retry,
      random: parts.random(),
    });
    // An exception that was set or taken back meanwhile makes the domain's waiting mail due; this message was not among it.
    const isOutdated = parts.ruleOf(job.data.domain).exception !== exception;
    if (isOutdated && settlement.again !== undefined) settlement.again.at = parts.now();
    recorder.log(outcomes, settlement);
    if (settlement.again === undefined) return finish(parts, job, settlement.data, body);
    await report(parts, job, settlement.data, body);
    return { kind: "again", at: settlement.again.at };
  };
}

/** Aborts with `signal`, or when the time is over. Not AbortSignal.timeout: its timers stay, one for each job, until they end. */
function withLimit(signal: AbortSignal, timeoutMs: number): Disposable & { signal: AbortSignal } {
  const limit = new AbortController();
  const abort = () => limit.abort();
  const timer = setTimeout(abort, timeoutMs);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  return {
    signal: limit.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    },
  };
}

/** Route and policy first; then, host by host, the requirement. */
async function attempt(
  parts: DeliveryParts,
  data: DeliveryJobData,
  body: Buffer,
  recorder: Recorder,
  signal: AbortSignal,
  startedAt: number,
): Promise<Map<string, Outcome>> {
  const recipients = waitingRecipients(data);
  // RFC 8461 section 5.1: before a message is given up, DNS is asked at that moment whether a newer policy exists.
  const fresh = isLastAttempt(startedAt, Date.parse(data.expiresAt));
  const plan = await makePlan(parts, {
    domain: data.domain,
    rule: parts.ruleOf(data.domain),
    waitedMs: startedAt - Date.parse(data.acceptedAt),
    fresh,
    signal,
  });
  if (plan.answer !== undefined) recorder.policy(plan.answer);
  if (plan.kind === "ended") return new Map(recipients.map((address) => [address, plan.outcome]));
  const { route, requirementOf, proceeding } = plan;
  if (proceeding !== undefined) {
    parts.events.proceedingWithoutPolicy({ message: data.message, domain: data.domain, detail: proceeding });
  }
  return walk(parts, { ...data, data: body }, recipients, route.hosts, requirementOf, recorder, { fresh, signal });
}

/** The relay is stopping: what was accepted is written down, the rest goes back as it was. */
async function putBack(
  parts: DeliveryParts,
  job: Job,
  outcomes: Map<string, Outcome>,
  recorder: Recorder,
): Promise<JobResult> {
  const final = new Map([...outcomes].filter(([, outcome]) => outcome.kind !== "deferred"));
  const data = withOutcomes(recorder.data, final);
  recorder.log(final, { data });
  if (waitingRecipients(data).length === 0) return finish(parts, job, data, await job.readBody());
  await job.save(data);
  return { kind: "again", at: parts.now() };
}

async function finish(
  parts: DeliveryParts,
  job: Job,
  data: DeliveryJobData,
  body: Buffer | undefined,
): Promise<JobResult> {
  // Without a failure there is nothing to write: a finished job goes, with all that is in it.
  if (unreported(data).length > 0) await report(parts, job, data, body);
  return { kind: "finished" };
}

/** Writes the job down, with a bounce for the recipients that failed and were not reported yet. */
async function report(parts: DeliveryParts, job: Job, data: DeliveryJobData, body: Buffer | undefined): Promise<void> {
  const failed = unreported(data);
  const reported = asReported(data);
  if (failed.length === 0) return job.save(data);
  const addresses = failed.map((recipient) => recipient.address);
  if (data.from === "") {
    // RFC 5321 section 6.1: no bounce of a bounce.
    parts.events.bounceDropped({ message: data.message, recipients: addresses, detail: failed[0]?.detail ?? "" });
    return job.save(reported);
  }
  const bounce = await bounceFor(data, failed, body, parts.hostname, parts.now());
  await job.addBounce(bounce, parts.retry.lifetimeMs, reported);
  parts.events.bounced({ message: data.message, bounce: bounce.id, to: data.from, recipients: addresses });
  const at = new Date(parts.now()).toISOString();
  job.note({ kind: "report", at, domain: data.domain, report: bounce.id, to: data.from, recipients: addresses });
}

/** Nothing to send any more: the sender is told, and the job never loops. */
function loseBody(parts: DeliveryParts, job: Job, recipients: string[]): Promise<JobResult> {
  const { message, domain } = job.data;
  parts.events.bodyMissing({ message, domain });
  const failure = { kind: "failed", status: "5.3.0", detail: "the relay has lost the text of this message" } as const;
  return failAll(parts, job, recipients, failure, undefined);
}

/** As an operator wishes. RFC 3463 has no code for it but "undefined". */
async function giveUp(
  parts: DeliveryParts,
  job: Job,
  recipients: string[],
  { reason = "no reason was given" }: NonNullable<Job["giveUp"]>,
): Promise<JobResult> {
  const detail = `the administrator of the relay has taken this message out of its queue: ${reason}`;
  return failAll(parts, job, recipients, { kind: "failed", status: "5.0.0", detail }, await job.readBody());
}

function failAll(
  parts: DeliveryParts,
  job: Job,
  recipients: string[],
  failure: Failure,
  body: Buffer | undefined,
): Promise<JobResult> {
  const recorder = createRecorder(parts, job);
  const outcomes = new Map<string, Outcome>(recipients.map((address) => [address, failure]));
  const data = withOutcomes(job.data, outcomes);
  recorder.log(outcomes, { data });
  return finish(parts, job, data, body);
}
