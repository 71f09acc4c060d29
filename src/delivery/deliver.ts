/**
 * The delivery of one job: find the route and the policy, walk the hosts,
 * write down what became of each recipient.
 */
import type { Domain } from "../dns/answer.ts";
import type { AcceptedMessage } from "../mail/envelope.ts";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import type { HistoryEntry } from "../mail/history.ts";
import type { Events } from "../observe/events.ts";
import type { SessionResult } from "../tlsrpt/result.ts";
import type { DomainRule } from "./domain-rules.ts";
import type { Failure, Outcome } from "./outcome.ts";
import { makePlan, type Plan, type PlanParts } from "./plan.ts";
import { asReported, dueReports } from "./reports.ts";
import { sendReport, tellUnwanted } from "./report.ts";
import { isLastAttempt, type RetryRules } from "./retry.ts";
import type { SessionSeen } from "./session-seen.ts";
import { settle, waitingRecipients, withOutcomes } from "./settle.ts";
import { createRecorder, type Recorder } from "./record.ts";
import { sessionResult } from "./tls-result.ts";
import { walk, type WalkParts, type WalkReport } from "./walk.ts";
import { wishesOf } from "./wishes.ts";

/** A job as the queue hands it over. */
export type Job = {
  data: DeliveryJobData;
  /** `undefined` when the body is gone. */
  readBody(): Promise<Buffer | undefined>;
  save(data: DeliveryJobData): Promise<void>;
  /** To be written down should the attempt break off: with Redis full, say, or away. */
  remember?(data: DeliveryJobData): void;
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
    /** The outcome of a message whose hosts are left alone this time; `undefined`: they are tried. */
    untried?: (data: DeliveryJobData) => Outcome | undefined;
    /** An attempt has ended: what it says of its destination is the caller's to find. It must not take time. */
    onEnded?: (domain: Domain, outcomes: Map<string, Outcome>, tookMs: number) => void;
    /** Called for each message and session; it must not take time. */
    onSession?: (seen: SessionSeen) => void;
    /** For the TLS report. Nobody waits for it. */
    onTlsResult?: ((result: SessionResult) => void) | undefined;
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
    const untried = parts.untried?.(job.data);
    const outcomes =
      untried === undefined
        ? await attempt(parts, job.data, body, recorder, limit.signal, startedAt)
        : new Map(recipients.map((address) => [address, untried]));
    if (untried === undefined && !limit.signal.aborted)
      parts.onEnded?.(job.data.domain, outcomes, parts.now() - startedAt);
    if (signal.aborted) return putBack(parts, job, outcomes, recorder);
    const settlement = settle(recorder.data(), outcomes, recorder.notes, {
      startedAt,
      now: parts.now(),
      rules: parts.retry,
      random: parts.random(),
      undecided: recorder.undecided(outcomes),
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
    ...(data.tlsRequired === false ? { tlsRequired: false } : {}),
  });
  if (plan.answer !== undefined) recorder.policy(plan.answer);
  if (plan.kind === "ended") return new Map(recipients.map((address) => [address, plan.outcome]));
  const { route, requirementOf, proceeding } = plan;
  if (proceeding !== undefined) {
    parts.events.proceedingWithoutPolicy({ message: data.message, domain: data.domain, detail: proceeding });
  }
  const report = { ...recorder, ...tlsResults(parts, data, plan) };
  const dsn = wishesOf(data);
  const message = { ...data, data: body, ...(dsn === undefined ? {} : { dsn }) };
  return walk(parts, message, recipients, route.hosts, requirementOf, report, { fresh, signal });
}

/** Which hosts are told to the TLS report: those that stand for the domain, judged by its own policy. RFC 8460 section 4. */
function tlsResults(
  { onTlsResult, now, ruleOf }: DeliveryParts,
  { domain, tlsRequired }: DeliveryJobData,
  { route, answer }: Plan & { kind: "walk" },
): Pick<WalkReport, "met"> {
  const { mtaSts, exception } = ruleOf(domain);
  const ownRule = mtaSts === "disable" || exception?.what.kind === "pin";
  // RFC 8460 section 3: the session that delivers a report is not in the next one.
  if (onTlsResult === undefined || tlsRequired === false || ownRule || route.policyDomain !== domain) return {};
  return {
    met: (host) => {
      const result = sessionResult(domain, answer, host, now());
      if (result !== undefined) onTlsResult(result);
    },
  };
}

/** The relay is stopping: what was accepted is written down, the rest goes back as it was. */
async function putBack(
  parts: DeliveryParts,
  job: Job,
  outcomes: Map<string, Outcome>,
  recorder: Recorder,
): Promise<JobResult> {
  const final = new Map([...outcomes].filter(([, outcome]) => outcome.kind !== "deferred"));
  const data = withOutcomes(recorder.data(), final);
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
  // With nothing to report there is nothing to write: a finished job goes, with all that is in it.
  if (dueReports(data, parts.now(), parts.retry.warnAfterMs).length > 0) await report(parts, job, data, body);
  return { kind: "finished" };
}

/** Writes the job down, with a report for the recipients whose sender must hear of them and has not yet. */
async function report(parts: DeliveryParts, job: Job, data: DeliveryJobData, body: Buffer | undefined): Promise<void> {
  job.remember?.(data);
  const due = dueReports(data, parts.now(), parts.retry.warnAfterMs);
  const reported = asReported(data, due, parts.now());
  tellUnwanted(parts, data, due);
  const wanted = due.filter((each) => each.wanted);
  if (wanted.length === 0) return job.save(reported);
  // A report may fail for want of Redis, and the job is run again then: those who have the message must not get it twice.
  if (data.recipients.some(({ state }) => state === "delivered")) await job.save(data);
  await sendReport(parts, job, { before: data, after: reported, due: wanted, body });
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
