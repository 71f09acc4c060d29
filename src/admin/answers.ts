/** What the API answers, as schemas. They say what callers may build on; answers may hold more. */
import { PROTECTIONS } from "../store/domain-tls.ts";
import { FLOWS } from "../store/flow.ts";
import { answer, COUNT, FLAG, list, mapOf, NUMBER, oneOf, TEXT, TIME } from "./schema.ts";

export const MESSAGE_STATES = [
  "waiting",
  "deferred",
  "held",
  "delivered",
  "failed",
  "dropped",
  "mixed",
  "unknown",
] as const;
export const JOB_STATES = ["waiting", "active", "deferred", "due", "held"] as const;
export const VERBS = ["retry", "hold", "release", "bounce", "drop"] as const;
export const RULES = ["optional", "require", "testing", "disable"] as const;
export const MODES = ["enforce", "testing", "none"] as const;

const recipient = answer(
  { address: TEXT, state: oneOf("waiting", "delivered", "failed") },
  { status: TEXT, detail: TEXT },
);

const accepted = answer(
  { at: TIME, from: TEXT, to: list(TEXT), recipients: COUNT, sizeBytes: COUNT },
  { messageId: TEXT, client: TEXT, user: TEXT, protocol: TEXT },
);

const explanation = answer({
  about: list(TEXT),
  domains: list(
    answer({
      domain: TEXT,
      state: oneOf(...MESSAGE_STATES),
      summary: TEXT,
      timeline: list(answer({ at: TIME, what: TEXT, details: list(TEXT) })),
      next: list(TEXT),
    }),
  ),
});

export const message = answer(
  {
    id: TEXT,
    state: oneOf(...MESSAGE_STATES),
    domains: list(
      answer({
        domain: TEXT,
        state: oneOf(...MESSAGE_STATES),
        recipients: list(recipient),
        entries: list(answer({ kind: oneOf("attempt", "report", "operator"), at: TIME, domain: TEXT })),
      }),
    ),
    explanation,
  },
  { accepted },
);

const states = answer(Object.fromEntries(JOB_STATES.map((state) => [state, COUNT])));

export const destination = answer(
  { domain: TEXT, queued: COUNT, states },
  { oldestAt: TIME, nextAt: TIME, lastReason: TEXT },
);

export const queueOverview = answer({
  total: COUNT,
  states,
  destinations: list(destination),
  destinationCount: COUNT,
  countedAt: TIME,
});

export const job = answer(
  {
    id: TEXT,
    message: TEXT,
    domain: TEXT,
    state: oneOf(...JOB_STATES),
    data: answer({
      from: TEXT,
      recipients: list(recipient),
      acceptedAt: TIME,
      expiresAt: TIME,
      sizeBytes: COUNT,
      attempt: COUNT,
    }),
  },
  { at: TIME, order: answer({ verb: oneOf(...VERBS), by: TEXT }) },
);

export const changeReport = answer({
  verb: oneOf(...VERBS),
  matched: COUNT,
  dryRun: FLAG,
  results: answer({ done: COUNT, ordered: COUNT, already: COUNT, gone: COUNT }),
});

export const policy = answer(
  { domain: TEXT, state: oneOf("in force", "expired", "forgotten", "unreadable", "none") },
  {
    mode: oneOf(...MODES),
    id: TEXT,
    mx: list(TEXT),
    maxAgeSeconds: COUNT,
    fetchedAt: TIME,
    expiresAt: TIME,
    refreshAt: TIME,
    checkedAt: TIME,
    failure: answer({ at: TIME, detail: TEXT, retryAt: TIME }),
  },
);

const pastPolicy = answer({ id: TEXT, mode: oneOf(...MODES), mx: list(TEXT), maxAgeSeconds: COUNT, fetchedAt: TIME });

export const policyDetails = {
  ...policy,
  properties: { ...(policy["properties"] as object), text: TEXT, history: list(pastPolicy) },
};

export const exception = answer(
  {
    domain: TEXT,
    what: answer({ kind: oneOf("mta-sts", "pin") }, { rule: oneOf(...RULES), mx: list(TEXT) }),
    by: TEXT,
    reason: TEXT,
    setAt: TIME,
  },
  { until: TIME },
);

export const action = answer(
  { kind: oneOf("rule-set", "rule-removed", "rule-ended", "policy-forgotten"), at: TIME, domain: TEXT },
  { by: TEXT, exception },
);

export const incident = answer(
  { cause: TEXT, subject: TEXT, detail: TEXT, count: COUNT, firstAt: TIME, lastAt: TIME, openedAt: TIME },
  { closedAt: TIME, because: TEXT },
);

export const shadow = answer({
  domain: TEXT,
  messages: COUNT,
  refused: COUNT,
  why: list(answer({ what: TEXT, messages: COUNT })),
  ready: FLAG,
});

const severity = oneOf("ok", "info", "warning", "error");

export const lineNote = answer({ severity, code: TEXT, says: TEXT }, { line: COUNT });

export const check = answer(
  {
    domain: TEXT,
    checkedAt: TIME,
    severity,
    findings: list(answer({ code: TEXT, severity, section: TEXT, says: TEXT }, { host: TEXT, todo: TEXT })),
  },
  {
    message: answer({ kind: oneOf("sent", "waits", "bounces") }),
    policy: answer({}),
    hosts: list(answer({ host: TEXT })),
  },
);

export const watched = answer(
  { domain: TEXT },
  { checkedAt: TIME, severity, message: TEXT, problems: list(answer({ code: TEXT, severity, says: TEXT })) },
);

export const domainRow = answer(
  {
    domain: TEXT,
    mode: oneOf(...MODES),
    policyState: TEXT,
    sessions: COUNT,
    verified: COUNT,
    refused: COUNT,
    incidents: COUNT,
  },
  {
    id: TEXT,
    fetchedAt: TIME,
    expiresAt: TIME,
    checkedAt: TIME,
    lastHost: TEXT,
    verdict: TEXT,
    reason: TEXT,
    lastAt: TIME,
    verifiedShare: NUMBER,
    exception: TEXT,
  },
);

const protections = answer(Object.fromEntries(PROTECTIONS.map((name) => [name, COUNT])));

export const hostSeen = answer(
  { at: TIME, host: TEXT, address: TEXT, tls: TEXT, protection: oneOf(...PROTECTIONS), verdict: TEXT },
  { reason: TEXT, certificate: answer({ names: list(TEXT), issuer: TEXT }, { expiresAt: TIME }) },
);

export const domainDetails = answer(
  {
    domain: TEXT,
    policy: policyDetails,
    days: list(answer({ day: TEXT, ...(protections["properties"] as Record<string, typeof COUNT>) })),
    hosts: list(hostSeen),
    incidents: list(incident),
    trail: list(action),
    configuredRule: TEXT,
  },
  { exception, shadow, queue: destination },
);

const flowMinute = answer({ minute: TEXT, ...Object.fromEntries(FLOWS.map((name) => [name, COUNT])) });

export const readiness = answer({
  ready: FLAG,
  checks: mapOf(answer({ ok: FLAG }, { detail: TEXT })),
});

export const overview = answer({
  relay: answer({ hostname: TEXT, version: TEXT, startedAt: TIME }),
  readiness,
  flow: list(flowMinute),
  queue: queueOverview,
  incidents: list(incident),
  domains: answer({ total: COUNT, modes: answer({ enforce: COUNT, testing: COUNT, none: COUNT }), troubled: COUNT }),
});
