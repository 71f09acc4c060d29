/**
 * Recipient domains as an operator looks at them: a row for each, put together
 * from policies, sessions, exceptions and incidents. Values to values.
 */
import type { Domain } from "../dns/answer.ts";
import type { DomainTls, HostSeen, ProtectionCounts } from "../store/domain-tls.ts";
import type { ExceptionRecord } from "../store/operator-actions.ts";
import { describeExceptionRule } from "../tls/exception.ts";
import type { IncidentView } from "./incidents.ts";
import type { PolicyView } from "./policies.ts";

export type DomainRow = {
  domain: Domain;
  /** As of the cached policy; `none`: none is cached, or it asks for nothing. */
  mode: "enforce" | "testing" | "none";
  /** Of the cached policy. */
  policyState: PolicyView["state"];
  id?: string;
  fetchedAt?: string;
  expiresAt?: string;
  checkedAt?: string;
  /** Of the latest session: its host, and what was made of it. */
  lastHost?: Domain;
  verdict?: string;
  reason?: string;
  lastAt?: string;
  /** Sessions of the last seven days that carried mail, and those of them over verified TLS. */
  sessions: number;
  verified: number;
  /** `verified` of `sessions`, 0 to 1; absent where there was none. */
  verifiedShare?: number;
  /** Sessions that were ended with nothing sent. */
  refused: number;
  incidents: number;
  /** The exception in force, in words. */
  exception?: string;
};

export type DomainSources = {
  policies: PolicyView[];
  tls: DomainTls[];
  exceptions: ExceptionRecord[];
  incidents: IncidentView[];
  /** The days that count, `2026-11-22`. */
  days: string[];
};

/** By domain. */
export function domainRows({ policies, tls, exceptions, incidents, days }: DomainSources): DomainRow[] {
  const rows = new Map<Domain, DomainRow>();
  const rowOf = (domain: Domain): DomainRow => {
    let row = rows.get(domain);
    if (row === undefined) {
      row = { domain, mode: "none", policyState: "none", sessions: 0, verified: 0, refused: 0, incidents: 0 };
      rows.set(domain, row);
    }
    return row;
  };
  for (const policy of policies) Object.assign(rowOf(policy.domain), policyFields(policy));
  for (const one of tls) Object.assign(rowOf(one.domain), tlsFields(one, days));
  for (const { domain, what } of exceptions) rowOf(domain).exception = describeExceptionRule(what);
  const subjects = Map.groupBy(incidents, ({ subject }) => subject);
  for (const row of rows.values()) {
    row.incidents = countOf(subjects, row.domain) + (row.lastHost === row.domain ? 0 : countOf(subjects, row.lastHost));
  }
  return [...rows.values()].sort((a, b) => (a.domain < b.domain ? -1 : 1));
}

/** An incident is a domain's, or that of its mail host. */
const countOf = (subjects: Map<string, IncidentView[]>, subject = ""): number => subjects.get(subject)?.length ?? 0;

function policyFields({ state, mode, id, fetchedAt, expiresAt, checkedAt }: PolicyView): Partial<DomainRow> {
  return {
    policyState: state,
    mode: state === "in force" ? (mode ?? "none") : "none",
    ...(id === undefined ? {} : { id }),
    ...(fetchedAt === undefined ? {} : { fetchedAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(checkedAt === undefined ? {} : { checkedAt }),
  };
}

function tlsFields({ days, last }: DomainTls, wanted: string[]): Partial<DomainRow> {
  const counts = wanted.flatMap((day) => days.get(day) ?? []);
  const total = (of: (one: ProtectionCounts) => number) => counts.reduce((sum, one) => sum + of(one), 0);
  const sessions = total((one) => one.verified + one.encrypted + one.clear);
  const verified = total((one) => one.verified);
  return {
    sessions,
    verified,
    refused: total((one) => one.refused),
    ...(sessions === 0 ? {} : { verifiedShare: verified / sessions }),
    ...lastFields(last),
  };
}

function lastFields(last: HostSeen | undefined): Partial<DomainRow> {
  if (last === undefined) return {};
  const { at: lastAt, host: lastHost, verdict, reason } = last;
  return { lastAt, lastHost, verdict, ...(reason === undefined ? {} : { reason }) };
}

export const SORT_KEYS = [
  "domain",
  "mode",
  "fetchedAt",
  "expiresAt",
  "lastAt",
  "verdict",
  "verifiedShare",
  "sessions",
  "refused",
  "incidents",
] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export type DomainQuestion = {
  /** Part of the name. */
  search?: string;
  mode?: DomainRow["mode"];
  /** Only those with something to look at: an incident, an exception, or a latest session that fell short. */
  trouble?: boolean;
  sort: SortKey;
  order: "asc" | "desc";
  offset: number;
  limit: number;
};

export type DomainPage = {
  total: number;
  matched: number;
  modes: Record<DomainRow["mode"], number>;
  rows: DomainRow[];
};

/** One page of the table. Rows without the value that is sorted by come last, in either order. */
export function pageOf(rows: DomainRow[], question: DomainQuestion): DomainPage {
  const { search, mode, trouble = false, sort, order, offset, limit } = question;
  const needle = search?.trim().toLowerCase() ?? "";
  const modes = { enforce: 0, testing: 0, none: 0 };
  for (const row of rows) modes[row.mode] += 1;
  const matching = rows.filter(
    (row) => row.domain.includes(needle) && (mode === undefined || row.mode === mode) && (!trouble || isTroubled(row)),
  );
  const sorted = matching.sort((a, b) => compared(a, b, sort, order === "asc" ? 1 : -1));
  return { total: rows.length, matched: matching.length, modes, rows: sorted.slice(offset, offset + limit) };
}

export const isTroubled = ({ incidents, exception, verdict }: DomainRow): boolean =>
  incidents > 0 || exception !== undefined || (verdict !== undefined && verdict !== "meets");

const MODE_ORDER = { enforce: 0, testing: 1, none: 2 };

function compared(a: DomainRow, b: DomainRow, key: SortKey, sign: 1 | -1): number {
  const [x, y] = [valueOf(a, key), valueOf(b, key)];
  if (x === y) return a.domain < b.domain ? -1 : 1;
  if (x === undefined) return 1;
  if (y === undefined) return -1;
  return x < y ? -sign : sign;
}

const valueOf = (row: DomainRow, key: SortKey): string | number | undefined =>
  key === "mode" ? MODE_ORDER[row.mode] : row[key];
