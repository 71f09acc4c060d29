/**
 * What an operator did to a running relay, and what an operator should see.
 */
import type { Logger } from "pino";
import type { Exception } from "../tls/exception.ts";
import { describeExceptionRule } from "../tls/exception.ts";

/** An incident as the log tells it. */
type IncidentWords = { cause: string; subject: string; detail: string; firstAt: number; count: number };

export function operatorEvents(log: Logger) {
  return {
    ruleSet: ({ by, exception }: { by: string; exception: Exception }) =>
      log.warn({ event: "rule-set", by, ...exceptionFields(exception) }, `exception set: ${words(exception)}`),
    ruleRemoved: ({ by, exception }: { by: string; exception: Exception }) =>
      log.warn({ event: "rule-removed", by, ...exceptionFields(exception) }, `exception removed: ${words(exception)}`),
    ruleEnded: ({ exception }: { exception: Exception }) =>
      log.warn({ event: "rule-ended", ...exceptionFields(exception) }, `exception has ended: ${words(exception)}`),
    policyForgotten: (what: { domain: string; by: string }) =>
      log.warn({ event: "policy-forgotten", ...what }, `${what.by} had the policy of ${what.domain} forgotten`),
    incidentOpened: (what: IncidentWords) =>
      log.warn(
        { event: "incident-opened", ...incidentFields(what) },
        `incident at ${what.subject}, ${what.cause}: ${what.detail}`,
      ),
    incidentClosed: (what: IncidentWords & { because: string }) =>
      log.info(
        { event: "incident-closed", ...incidentFields(what), because: what.because },
        `incident at ${what.subject} is over, ${what.cause}: ${what.because}`,
      ),
    shadowSummary: (what: {
      day: string;
      ready: string[];
      failing: { domain: string; messages: number; refused: number; why: string[] }[];
      more: number;
    }) =>
      log.info(
        { event: "shadow-summary", ...what },
        `under enforce on ${what.day}: ${what.ready.length} domains ready, ${what.failing.length} would have lost mail`,
      ),
    webhookFailed: (what: { url: string; event: string; detail: string; attempt: number; final: boolean }) =>
      log.warn(
        { ...what, event: "webhook-failed", about: what.event },
        `webhook ${what.url}: ${what.detail}${what.final ? "; given up" : ""}`,
      ),
  };
}

const words = (exception: Exception) =>
  `${exception.domain}, ${describeExceptionRule(exception.what)}: ${exception.reason}`;

function exceptionFields({ domain, what, by, reason, until }: Exception) {
  return {
    domain,
    rule: what.kind === "pin" ? "pin" : what.rule,
    ...(what.kind === "pin" ? { mx: what.mx } : {}),
    reason,
    setBy: by,
    ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
  };
}

const incidentFields = ({ cause, subject, detail, firstAt, count }: IncidentWords) => ({
  cause,
  subject,
  detail,
  firstAt: new Date(firstAt).toISOString(),
  count,
});
