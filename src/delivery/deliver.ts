/**
 * The delivery of one job: find the route and the policy, walk the hosts,
 * write down what became of each recipient.
 */
import type { Domain, Resolver } from "../dns/answer.ts";
import type { AcceptedMessage } from "../mail/envelope.ts";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import type { PolicyAnswer } from "../mta-sts/answer.ts";
import type { Events } from "../observe/events.ts";
import { FOR_LOGIN, requirementFor } from "../tls/requirement.ts";
import { bounceFor } from "./bounce.ts";
import type { DomainRule } from "./domain-rules.ts";
import { type Outcome, deferral } from "./outcome.ts";
import { isLastAttempt, type RetryRules } from "./retry.ts";
import { findRoute, type Route, type RouteHost } from "./route.ts";
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
};

export type JobResult = { kind: "finished" } | { kind: "again"; at: number };

export type DeliveryParts = WalkParts & {
  dns: Resolver;
  policies: { answer(domain: string, options: { fresh?: boolean; signal?: AbortSignal }): Promise<PolicyAnswer> };
  ruleOf: (domain: Domain) => DomainRule;
  /** Time for one attempt, over all hosts. */
  attemptTimeoutMs: number;
  /** Port of MX hosts. */
  port: number;
  retry: RetryRules;
  random: () => number;
  events: Events;
};

export function createDelivery(parts: DeliveryParts): (job: Job, signal: AbortSignal) => Promise<JobResult> {
  return async (job, signal) => {
    const startedAt = parts.now();
    const recipients = waitingRecipients(job.data);
    // A run that broke off after the last outcome was written has only its report left to do.
    if (recipients.length === 0) return finish(parts, job, job.data, await job.readBody());
    const body = await job.readBody();
    if (body === undefined) return loseBody(parts, job, recipients);

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
  const all = (outcome: Outcome) => new Map(recipients.map((address) => [address, outcome]));
  // RFC 8461 section 5.1: before a message is given up, DNS is asked at that moment whether a newer policy exists.
  const fresh = isLastAttempt(startedAt, Date.parse(data.expiresAt));
  const rule = parts.ruleOf(data.domain);
  const route = await findRoute(parts, data.domain, rule.route, { fresh, signal });
  if (route.kind === "unknown") return all(route.deferral);
  if (route.kind === "refused") return all(route.failure);
  const policyDomain = route.kind === "hosts" ? route.policyDomain : data.domain;
  const answer = rule.mtaSts === "disable" ? NOT_ASKED : await policyAnswer(parts, policyDomain, fresh, signal);
  if (route.kind === "nowhere") return all(whenNowhere(route, answer));
  const settled = answer.kind === "unknown" ? afterDiscoveryFailure(parts, rule, data, answer, startedAt) : answer;
  if (settled.kind === "unknown") {
    return all(
      deferral(
        "policy-unknown",
        "4.7.5",
        `the MTA-STS policy of ${policyDomain} could not be found out: ${settled.detail}`,
      ),
    );
  }
  const requirementOf = (host: RouteHost) => {
    const requirement = requirementFor(host.name, rule.mtaSts, settled);
    const weaker = requirement.kind === "connect" && (requirement.tls !== "verified" || requirement.reportOnly);
    return host.login !== undefined && weaker ? FOR_LOGIN : requirement;
  };
  const message = { ...data, data: body };
  return walk(parts, message, recipients, route.hosts, requirementOf, recorder, { fresh, signal });
}

const NOT_ASKED: PolicyAnswer = {
  kind: "none",
  because: "no-record",
  detail: "not asked: the operator's rule is disable",
};
const NO_DOMAIN: PolicyAnswer = { kind: "none", because: "not-a-domain", detail: "an address literal has no policy" };

function policyAnswer(
  parts: DeliveryParts,
  policyDomain: string | undefined,
  fresh: boolean,
  signal: AbortSignal,
): Promise<PolicyAnswer> {
  return policyDomain === undefined
    ? Promise.resolve(NO_DOMAIN)
    : parts.policies.answer(policyDomain, { fresh, signal });
}

/**
 * "No such domain" ends a message at once, except where a policy of the domain
 * is known or may exist: then the DNS answer is doubted, and the message waits.
 */
function whenNowhere(route: Route & { kind: "nowhere" }, answer: PolicyAnswer): Outcome {
  if (answer.kind === "none") return route.failure;
  const doubt =
    answer.kind === "policy"
      ? "but its MTA-STS policy is known"
      : `and whether it has an MTA-STS policy could not be found out: ${answer.detail}`;
  return deferral("dns", "4.1.2", `${route.failure.detail}, says the DNS, ${doubt}`);
}

/** Could not find out, and nothing is cached: wait for a while, then go on without, where the operator lets it. */
function afterDiscoveryFailure(
  parts: DeliveryParts,
  rule: DomainRule,
  data: DeliveryJobData,
  answer: PolicyAnswer & { kind: "unknown" },
  startedAt: number,
): PolicyAnswer {
  // The store being away says nothing about the domain: a policy may well be cached in it.
  if (answer.why === "store" || rule.mtaSts === "require") return answer;
  const waitedMs = startedAt - Date.parse(data.acceptedAt);
  const { action, deferForMs } = rule.onDiscoveryFailure;
  if (action === "defer" && waitedMs < deferForMs) return answer;
  parts.events.proceedingWithoutPolicy({ message: data.message, domain: data.domain, detail: answer.detail });
  return { kind: "none", because: "no-record", detail: `could not be found out: ${answer.detail}` };
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
}

/** Nothing to send any more: the sender is told, and the job never loops. */
function loseBody(parts: DeliveryParts, job: Job, recipients: string[]): Promise<JobResult> {
  const { message, domain } = job.data;
  parts.events.bodyMissing({ message, domain });
  const detail = "the relay has lost the text of this message";
  const lost = new Map<string, Outcome>(
    recipients.map((address) => [address, { kind: "failed", status: "5.3.0", detail }]),
  );
  parts.events.failed({ message, domain, to: recipients, status: "5.3.0", detail });
  return finish(parts, job, withOutcomes(job.data, lost), undefined);
}
