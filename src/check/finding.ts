/**
 * What a check finds: one thing, how much it matters, and what to do about it.
 */

export type Severity = "ok" | "info" | "warning" | "error";

/** In the order in which they are read. */
export const SECTIONS = ["route", "record", "policy", "hosts", "reports", "relay"] as const;

export type Section = (typeof SECTIONS)[number];

export type Finding = {
  /** Stays the same over releases, for programs. Failures of a host and of a policy fetch bear the names of RFC 8460 section 4.3 where it has one. */
  code: string;
  severity: Severity;
  section: Section;
  /** The mail host it is about. */
  host?: string;
  /** In plain words. */
  says: string;
  /** What to do, and who. Absent where nothing needs to be done. */
  todo?: string;
};

const WEIGHT: Record<Severity, number> = { ok: 0, info: 1, warning: 2, error: 3 };

export function worstOf(severities: Iterable<Severity>): Severity {
  let worst: Severity = "ok";
  for (const severity of severities) if (WEIGHT[severity] > WEIGHT[worst]) worst = severity;
  return worst;
}

export function finding(section: Section, severity: Severity, code: string, says: string, todo?: string): Finding {
  return { code, severity, section, says, ...(todo === undefined ? {} : { todo }) };
}
