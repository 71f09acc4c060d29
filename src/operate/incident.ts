/**
 * When an incident opens, goes on and is over: from what was met to what is to
 * be written down.
 */
import type { Incident, IncidentCause, IncidentChange } from "../store/incidents.ts";

/** Something was met that an operator may have to see. */
export type Signal = {
  cause: IncidentCause;
  subject: string;
  /** In plain words. */
  detail: string;
  at: number;
  /** How often since the signal before. Default: 1. */
  count?: number;
  /** How long it must have been met before it is shown. Default: not at all. */
  opensAfterMs?: number;
  /** Over by itself then, unless it is met again. */
  endsAt?: number;
  /** Kept from the first signal. */
  baseline?: string;
};

/** The opposite was met. */
export type Clearance = {
  cause: IncidentCause;
  subject: string;
  because: string;
  at: number;
  /** Whether what was met undoes the incident with this baseline. Default: any. */
  undoes?: (baseline: string | undefined) => boolean;
};

export function raised(current: Incident | undefined, signal: Signal): IncidentChange & { opens: boolean } {
  const { cause, subject, detail, at, count = 1, opensAfterMs = 0, endsAt } = signal;
  const firstAt = current?.firstAt ?? at;
  const baseline = current?.baseline ?? signal.baseline;
  const opens = current?.openedAt === undefined && at - firstAt >= opensAfterMs;
  const openedAt = opens ? at : current?.openedAt;
  const incident: Incident = {
    cause,
    subject,
    detail,
    firstAt,
    lastAt: Math.max(at, current?.lastAt ?? at),
    count: (current?.count ?? 0) + count,
    ...(openedAt === undefined ? {} : { openedAt }),
    ...(endsAt === undefined ? {} : { endsAt }),
    ...(baseline === undefined ? {} : { baseline }),
  };
  return { kind: "put", incident, opens };
}

export function cleared(current: Incident | undefined, { because, at, undoes }: Clearance): IncidentChange {
  if (current === undefined || undoes?.(current.baseline) === false) return { kind: "none" };
  return { kind: "close", incident: { ...current, closedAt: at, because } };
}

/** By its own end. */
export function expired(current: Incident | undefined, now: number): IncidentChange {
  if (current?.endsAt === undefined || now < current.endsAt) return { kind: "none" };
  return { kind: "close", incident: { ...current, closedAt: now, because: ENDS[current.cause] } };
}

const ENDS: Record<IncidentCause, string> = {
  "policy-weakened": "the domain has stayed with its new policy",
  "refresh-failing": "the policy that could not be refreshed has run out",
  "record-gone": "the policy has run out, and mail goes on without one",
  "certificate-expiring": "the certificate was not met again",
  "tls-lost": "it was not met again",
};
