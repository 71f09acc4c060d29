/**
 * Each thing that happens has one function here; it writes one log line.
 * Message text and credentials go nowhere.
 */
import type { Logger } from "pino";
import type { FetchFailure, KnownPolicy, PolicyEvent } from "../mta-sts/answer.ts";
import { adminEvents } from "./admin-events.ts";
import { checkEvents } from "./check-events.ts";
import { operatorEvents } from "./operator-events.ts";
import { processEvents } from "./process-events.ts";
import { reportEvents } from "./report-events.ts";
import { publishEvents } from "./publish-events.ts";
import { tlsReportEvents } from "./tls-report-events.ts";

export type Events = ReturnType<typeof createEvents>;

export function createEvents(log: Logger) {
  return {
    ...relayEvents(log),
    ...processEvents(log),
    ...submissionEvents(log),
    policy: (event: PolicyEvent) => logPolicyEvent(log, event),
    ...deliveryEvents(log),
    ...operatorEvents(log),
    ...checkEvents(log),
    ...adminEvents(log),
    ...publishEvents(log),
    ...tlsReportEvents(log),
  };
}

function relayEvents(log: Logger) {
  return {
    started: (what: { role: string; listeners: string[]; redis: string; processes?: number }) =>
      log.info({ event: "started", ...what }, "relay is ready"),
    stopping: (what: { signal: string }) => log.info({ event: "stopping", ...what }, "draining, then stopping"),
    stopped: () => log.info({ event: "stopped" }, "relay has stopped"),
    redisLost: (what: { detail: string }) =>
      log.error({ event: "redis-lost", ...what }, "Redis is away: mail is answered 451 until it is back"),
    redisBack: () => log.info({ event: "redis-back" }, "Redis is back"),
    intakeStopped: (what: { usedBytes: number; maxBytes: number }) =>
      log.error({ event: "intake-stopped", ...what }, "Redis is nearly full: new mail is answered 452"),
    intakeResumed: (what: { usedBytes: number; maxBytes: number }) =>
      log.warn({ event: "intake-resumed", ...what }, "Redis has room again: new mail is taken"),
    jobsTakenOver: (what: { jobs: number }) =>
      log.warn({ event: "jobs-taken-over", ...what }, `${what.jobs} deliveries whose worker has died are begun again`),
    redisNotDurable: (what: { detail: string }) =>
      log.warn({ event: "redis-not-durable", ...what }, "Redis may lose mail that was answered 250"),
    embeddedRedis: (what: { pid?: number; exit?: string; detail: string }) =>
      log.warn({ event: "embedded-redis", ...what }, what.detail),
    /** With the configuration: one line for each, at the start or when it is read again. */
    configurationProblem: (line: string) => log.warn({ event: "configuration" }, line),
    configurationRefused: (what: { errors: number }) =>
      log.error({ event: "configuration-refused", ...what }, "the changed configuration is not used: it has errors"),
    configurationApplied: ({ settings }: { settings: string[] }) =>
      log.info(
        { event: "configuration-applied", settings },
        settings.length === 0 ? "no setting to apply has changed" : `in force from now on: ${settings.join(", ")}`,
      ),
    restartNeeded: ({ settings }: { settings: string[] }) =>
      log.warn({ event: "restart-needed", settings }, `changed, but not before a restart: ${settings.join(", ")}`),
    certificateLoaded: (what: { file: string; expiresAt: string }) =>
      log.info({ event: "certificate-loaded", ...what }, "certificate loaded"),
    certificateUnreadable: (what: { file: string; detail: string }) =>
      log.error({ event: "certificate-unreadable", ...what }, "new certificate cannot be used; the old one stays"),
    fault: (what: { where: string; err: unknown }) => log.error({ event: "fault", ...what }, `fault in ${what.where}`),
  };
}

function submissionEvents(log: Logger) {
  return {
    accepted: (what: {
      message: string;
      from: string;
      to: string[];
      sizeBytes: number;
      client: string;
      user?: string;
      protocol: string;
      messageId: string;
    }) => log.info({ event: "accepted", ...what }, `accepted ${what.message} from <${what.from}>`),
    submissionRefused: (what: { client: string; reply: string; user?: string; detail?: string }) =>
      log.warn({ event: "submission-refused", ...what }, `refused: ${what.reply}`),
    loginFailed: (what: { client: string; user: string }) =>
      log.warn({ event: "login-failed", ...what }, `login of ${what.user} failed`),
  };
}

function deliveryEvents(log: Logger) {
  return {
    attempt: (what: {
      message: string;
      domain: string;
      host: string;
      address?: string;
      required: string;
      tls?: string;
      verdict: string;
      result: string;
      /** Its recipients have lines of their own, which say the same. */
      tookAll?: boolean;
    }) => {
      const { tookAll, ...line } = what;
      log[tookAll === true ? "debug" : "info"]({ event: "attempt", ...line }, `${what.host}: ${what.result}`);
    },
    delivered: (what: {
      message: string;
      domain: string;
      to: string[];
      host: string;
      address?: string;
      required?: string;
      tls: string;
      reply: string;
      ageMs: number;
    }) => log.info({ event: "delivered", ...what }, `delivered ${what.message} to ${what.host}`),
    deferred: (what: {
      message: string;
      domain: string;
      to: string[];
      reason: string;
      detail: string;
      nextAttemptAt: string;
      attempt: number;
    }) => log.warn({ event: "deferred", ...what }, `deferred ${what.message} for ${what.domain}: ${what.detail}`),
    violation: (what: { message: string; domain: string; host: string; resultType: string; detail: string }) =>
      log.warn(
        { event: "violation", ...what },
        `testing mode: ${what.host} breaks the policy of ${what.domain}, delivered all the same`,
      ),
    failed: (what: { message: string; domain: string; to: string[]; status: string; detail: string }) =>
      log.warn({ event: "failed", ...what }, `gave up ${what.message} for ${what.domain}: ${what.detail}`),
    operatorOrder: (what: { message: string; domain: string; verb: string; by: string; reason?: string }) =>
      log.warn(
        { event: "operator-order", ...what },
        `${what.by} ordered: ${what.verb} ${what.message} for ${what.domain}`,
      ),
    bounced: (what: { message: string; bounce: string; to: string; recipients: string[] }) =>
      log.info({ event: "bounced", ...what }, `bounce ${what.bounce} for ${what.message}`),
    destination: (what: { kind: "closed" | "opened"; destination: string; detail: string; until?: number }) =>
      log[what.kind === "closed" ? "warn" : "info"](
        {
          event: `destination-${what.kind}`,
          destination: what.destination,
          detail: what.detail,
          ...(what.until === undefined ? {} : { until: new Date(what.until).toISOString() }),
        },
        `${what.destination} is ${what.kind === "closed" ? "left alone for a while" : "open again"}: ${what.detail}`,
      ),
    bounceDropped: (what: { message: string; recipients: string[]; why: string; detail: string }) =>
      log.warn({ event: "bounce-dropped", ...what }, `no bounce for ${what.message}: ${what.why}`),
    ...reportEvents(log),
    proceedingWithoutPolicy: (what: { message: string; domain: string; detail: string }) =>
      log.warn(
        { event: "proceeding-without-policy", ...what },
        `the policy of ${what.domain} could not be found out; going on without one`,
      ),
    orphanSwept: (what: { messageId: string; domain: string; since: number }) =>
      log.warn(
        {
          event: "orphan-swept",
          message: what.messageId,
          domain: what.domain,
          since: new Date(what.since).toISOString(),
        },
        `the text of ${what.messageId} was kept for a delivery to ${what.domain} that does not exist`,
      ),
    bodyMissing: (what: { message: string; domain: string }) =>
      log.error({ event: "body-missing", ...what }, `the body of ${what.message} is gone from Redis`),
  };
}

function logPolicyEvent(log: Logger, event: PolicyEvent): void {
  switch (event.kind) {
    case "found":
      return log.info(
        { event: "policy-found", ...summary(event.known) },
        `policy of ${event.known.domain}: ${event.known.policy.mode}`,
      );
    case "renewed":
      return log.debug({ event: "policy-renewed", ...summary(event.known) }, `policy of ${event.known.domain} renewed`);
    case "changed": {
      const what = {
        event: "policy-changed",
        ...summary(event.after),
        before: summary(event.before),
        weaker: event.weaker,
      };
      return event.weaker === undefined
        ? log.info(what, `policy of ${event.after.domain} changed`)
        : log.warn(
            { ...what, event: "policy-weakened" },
            `policy of ${event.after.domain} is weaker now: ${event.weaker}`,
          );
    }
    case "fetch-failed":
      // RFC 8461 section 10.2: failures about a policy in mode "none" are no news.
      return log[event.cached?.policy.mode === "none" ? "debug" : "warn"](
        {
          event: "policy-refused",
          domain: event.domain,
          id: event.id,
          ...failure(event.failure),
          cached: cachedMode(event.cached),
        },
        `policy of ${event.domain}: ${event.failure.detail}`,
      );
    case "record-unusable":
      return log.warn(
        { event: "record-unusable", domain: event.domain, detail: event.detail, cached: cachedMode(event.cached) },
        `_mta-sts.${event.domain}: ${event.detail}`,
      );
    case "record-gone":
      return log[event.cached.policy.mode === "none" ? "debug" : "warn"](
        { event: "record-gone", ...summary(event.cached) },
        `${event.domain} has no MTA-STS record any more; its policy holds until it ends`,
      );
    case "store-failed":
      return log.error(
        { event: "policy-store-failed", domain: event.domain, doing: event.doing, err: event.cause },
        `${event.doing} the policy of ${event.domain} failed; what this process remembers is used`,
      );
    case "refresh-failed":
      // RFC 8461 section 10.2: failures of a policy in mode "none" are no news.
      return log[event.cached.policy.mode === "none" ? "debug" : "warn"](
        { event: "policy-refresh-failed", detail: event.detail, ...summary(event.cached) },
        `policy of ${event.domain} could not be refreshed: ${event.detail}`,
      );
  }
}

const failure = (f: FetchFailure) => ({ resultType: f.resultType, detail: f.detail });
const cachedMode = (known: KnownPolicy | undefined) => known?.policy.mode ?? "no policy";

function summary(known: KnownPolicy) {
  return {
    domain: known.domain,
    id: known.id,
    mode: known.policy.mode,
    mx: known.policy.mx,
    fetchedAt: new Date(known.fetchedAt).toISOString(),
    expiresAt: new Date(known.expiresAt).toISOString(),
  };
}
