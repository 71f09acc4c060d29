/**
 * The relay in numbers, for Prometheus. What happens is counted where it is told:
 * the events are wrapped, so that each thing that happens still has one function.
 * No label holds a domain, an address or any other word of strangers: a series
 * for each would fill the memory of whoever collects them.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { PolicyAnswer, PolicyEvent } from "../mta-sts/answer.ts";
import type { Events } from "./events.ts";
import { addedUpText } from "./metrics-sum.ts";

export type Metrics = {
  /** The same events, counted. */
  events(events: Events): Events;
  /** What mail was told of a domain's policy. */
  policyAnswer(answer: PolicyAnswer): void;
  /** What protected a session: `verified`, `encrypted`, `clear`, or `refused` when it was ended. */
  session(protection: "verified" | "encrypted" | "clear" | "refused"): void;
  attemptTook(ms: number): void;
  acceptTook(ms: number): void;
  /** All of it as text, with what is true at this moment, and what other processes have counted. */
  text(now: Standing, others?: MetricsSnapshot[]): Promise<string>;
  /** What this process has counted, for another one. */
  snapshot(): Promise<MetricsSnapshot>;
  contentType: string;
};

/** The numbers of a process, to be added to those of others. */
export type MetricsSnapshot = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>;

/** What is looked up when somebody asks. */
export type Standing = {
  /** `false`: what follows of Redis is not known. */
  redisUp: boolean;
  /** Delivery jobs by state. */
  queue?: Record<string, number>;
  /** Age of the oldest message in the queue; 0 for an empty queue. */
  oldestSeconds?: number;
  /** Open incidents by cause. */
  incidents?: Record<string, number>;
  workers?: number;
};

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300];
const AGES = [0.1, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200, 28_800, 86_400, 432_000];

/** Gauges of prom-client that are called `_total`, which only counters may be. */
const MISNAMED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

export function createMetrics(about: { version: string }): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const counters = createCounters(registry);
  const timers = createTimers(registry);
  const show = createGauges(registry, about.version);
  return {
    events: (events) => counting(events, counters, timers),
    policyAnswer: (answer) => counters.policyAnswers.inc(answerLabels(answer)),
    session: (tls) => counters.sessions.inc({ tls }),
    attemptTook: (ms) => timers.attempt.observe(ms / 1_000),
    acceptTook: (ms) => timers.accept.observe(ms / 1_000),
    async text(now, others = []) {
      show(now);
      return others.length === 0 ? registry.metrics() : addedUpText([await registry.getMetricsAsJSON(), ...others]);
    },
    snapshot: () => registry.getMetricsAsJSON(),
    contentType: registry.contentType,
  };
}

type Counters = ReturnType<typeof createCounters>;

function createCounters(registry: Registry) {
  const counter = <Label extends string = never>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name: `sts_relay_${name}`, help, labelNames, registers: [registry] });
  return {
    accepted: counter("messages_accepted_total", "Messages answered 250."),
    acceptedBytes: counter("accepted_bytes_total", "Size of the messages answered 250, in bytes."),
    refused: counter("submissions_refused_total", "Commands of clients refused, by the first digit of the reply.", [
      "class",
    ]),
    loginsFailed: counter("logins_failed_total", "Logins of clients that failed."),
    attempts: counter("attempts_total", "Tries at one mail host, by the verdict on its TLS.", ["verdict"]),
    sessions: counter("sessions_total", "Sessions with mail hosts, by what protected them.", ["tls"]),
    deliveries: counter("deliveries_total", "Outcomes of attempts, each of recipients in one domain.", ["result"]),
    recipients: counter("recipients_total", "Recipients by the outcome of an attempt.", ["result"]),
    deferrals: counter("deferrals_total", "Recipients put off, by reason.", ["reason"]),
    violations: counter("policy_violations_total", "Deliveries that broke a policy in mode testing.", ["result_type"]),
    reports: counter("reports_total", "Reports to senders.", ["action"]),
    policyAnswers: counter("policy_answers_total", "What mail was told of a domain's MTA-STS policy.", [
      "answer",
      "source",
    ]),
    policyFetches: counter("policy_fetches_total", "MTA-STS policies fetched, by result.", ["result"]),
    policyEvents: counter("policy_events_total", "News about MTA-STS policies.", ["kind"]),
    policiesWeakened: counter("policies_weakened_total", "Policies that changed to a weaker one."),
    withoutPolicy: counter(
      "deliveries_without_discovery_total",
      "Deliveries that went on although it was not known whether there is a policy.",
    ),
    tlsReports: counter("tls_reports_total", "TLS reports to other domains, by what became of them.", ["result"]),
    incidents: counter("incidents_total", "Incidents that opened.", ["cause"]),
    closings: counter("destination_closings_total", "Times that a destination was left alone for a while."),
    rules: counter("exceptions_total", "Exceptions that were set, removed or have ended.", ["kind"]),
    webhooksFailed: counter("webhooks_failed_total", "Posts to webhooks that failed."),
    processesEnded: counter("processes_ended_total", "Processes of this relay that ended unasked."),
    redisLost: counter("redis_lost_total", "Times that Redis was away, told by each process."),
    bodiesMissing: counter("bodies_missing_total", "Messages whose text was gone: each is a loss."),
    faults: counter("faults_total", "Faults of the relay itself."),
  };
}

function createTimers(registry: Registry) {
  const timer = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name: `sts_relay_${name}`, help, buckets, registers: [registry] });
  return {
    accept: timer("accept_duration_seconds", "Time until an accepted message was safe in Redis.", SECONDS),
    attempt: timer("attempt_duration_seconds", "Time of an attempt, over all hosts of its domain.", SECONDS),
    age: timer("delivery_age_seconds", "Time from acceptance to delivery.", AGES),
  };
}

function createGauges(registry: Registry, version: string) {
  const gauge = <Label extends string = never>(name: string, help: string, labelNames: Label[] = []) =>
    // The same for all processes: told by the one that is asked.
    new Gauge({ name: `sts_relay_${name}`, help, labelNames, registers: [registry], aggregator: "first" });
  gauge("build_info", "Always 1.", ["version", "node"]).set({ version, node: process.versions.node }, 1);
  const redisUp = gauge("redis_up", "Whether Redis answers.");
  const queue = gauge("queue_jobs", "Deliveries in the queue: a message to three domains is three.", ["state"]);
  const oldest = gauge("queue_oldest_seconds", "Age of the oldest message in the queue.");
  const incidents = gauge("incidents_open", "Incidents that are open.", ["cause"]);
  const workers = gauge("workers", "Relay processes that take mail out of the queue.");
  return (now: Standing) => {
    redisUp.set(now.redisUp ? 1 : 0);
    queue.reset();
    incidents.reset();
    for (const [state, count] of Object.entries(now.queue ?? {})) queue.set({ state }, count);
    for (const [cause, count] of Object.entries(now.incidents ?? {})) incidents.set({ cause }, count);
    // What is not known has no number: 0 would say that all is well.
    oldest.set(now.oldestSeconds ?? Number.NaN);
    workers.set(now.workers ?? Number.NaN);
  };
}

function counting(events: Events, counters: Counters, timers: ReturnType<typeof createTimers>): Events {
  return {
    ...events,
    ...countedSubmission(events, counters),
    ...countedDelivery(events, counters, timers),
    ...countedOperation(events, counters),
    policy(event) {
      countPolicy(event, counters);
      events.policy(event);
    },
    processEnded(what) {
      counters.processesEnded.inc();
      events.processEnded(what);
    },
    redisLost(what) {
      counters.redisLost.inc();
      events.redisLost(what);
    },
    fault(what) {
      counters.faults.inc();
      events.fault(what);
    },
  };
}

function countedSubmission(events: Events, counters: Counters) {
  return {
    accepted(what) {
      counters.accepted.inc();
      counters.acceptedBytes.inc(what.sizeBytes);
      events.accepted(what);
    },
    submissionRefused(what) {
      counters.refused.inc({ class: what.reply.startsWith("4") ? "4xx" : "5xx" });
      events.submissionRefused(what);
    },
    loginFailed(what) {
      counters.loginsFailed.inc();
      events.loginFailed(what);
    },
  } satisfies Partial<Events>;
}

function countedDelivery(events: Events, counters: Counters, timers: ReturnType<typeof createTimers>) {
  const count = (result: "delivered" | "deferred" | "failed", recipients: number) => {
    counters.deliveries.inc({ result });
    counters.recipients.inc({ result }, recipients);
  };
  return {
    attempt(what) {
      counters.attempts.inc({ verdict: what.verdict });
      events.attempt(what);
    },
    delivered(what) {
      count("delivered", what.to.length);
      timers.age.observe(what.ageMs / 1_000);
      events.delivered(what);
    },
    deferred(what) {
      count("deferred", what.to.length);
      counters.deferrals.inc({ reason: what.reason }, what.to.length);
      events.deferred(what);
    },
    failed(what) {
      count("failed", what.to.length);
      events.failed(what);
    },
    violation(what) {
      counters.violations.inc({ result_type: what.resultType });
      events.violation(what);
    },
    bounced(what) {
      counters.reports.inc({ action: "failed" });
      events.bounced(what);
    },
    reported(what) {
      counters.reports.inc({ action: what.action });
      events.reported(what);
    },
    proceedingWithoutPolicy(what) {
      counters.withoutPolicy.inc();
      events.proceedingWithoutPolicy(what);
    },
    bodyMissing(what) {
      counters.bodiesMissing.inc();
      events.bodyMissing(what);
    },
    destination(what) {
      if (what.kind === "closed") counters.closings.inc();
      events.destination(what);
    },
  } satisfies Partial<Events>;
}

function countedOperation(events: Events, counters: Counters) {
  return {
    ruleSet(what) {
      counters.rules.inc({ kind: "set" });
      events.ruleSet(what);
    },
    ruleRemoved(what) {
      counters.rules.inc({ kind: "removed" });
      events.ruleRemoved(what);
    },
    ruleEnded(what) {
      counters.rules.inc({ kind: "ended" });
      events.ruleEnded(what);
    },
    incidentOpened(what) {
      counters.incidents.inc({ cause: what.cause });
      events.incidentOpened(what);
    },
    webhookFailed(what) {
      counters.webhooksFailed.inc();
      events.webhookFailed(what);
    },
    tlsReport(what) {
      counters.tlsReports.inc({ result: what.result });
      events.tlsReport(what);
    },
  } satisfies Partial<Events>;
}

function countPolicy(event: PolicyEvent, counters: Counters): void {
  counters.policyEvents.inc({ kind: event.kind });
  switch (event.kind) {
    case "found":
    case "renewed":
      counters.policyFetches.inc({ result: "fetched" });
      return;
    case "changed":
      counters.policyFetches.inc({ result: "fetched" });
      if (event.weaker !== undefined) counters.policiesWeakened.inc();
      return;
    case "fetch-failed":
      counters.policyFetches.inc({ result: event.failure.resultType });
      return;
    case "refresh-failed":
    case "record-gone":
    case "record-unusable":
    case "store-failed":
      return;
  }
}

/** `cached`: without a fetch. A domain without a policy has nothing to fetch. */
function answerLabels(answer: PolicyAnswer): { answer: string; source: string } {
  switch (answer.kind) {
    case "policy":
      return { answer: answer.known.policy.mode, source: answer.recordChecked === "fetched" ? "fetched" : "cached" };
    case "none":
      return { answer: "no-policy", source: answer.because };
    case "unknown":
      return { answer: "unknown", source: answer.why };
  }
}
