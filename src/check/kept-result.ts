/**
 * What is remembered of a check until the next one, and what has changed
 * between the two. Pure.
 */
import type { Severity } from "./finding.ts";
import type { CheckResult } from "./result.ts";
import type { Fate } from "./route-findings.ts";

export type KeptResult = {
  checkedAt: number;
  severity: Severity;
  /** What would have become of a message. */
  message?: Fate["kind"];
  /** Its warnings and errors. */
  problems: Problem[];
};

/** `code` and `host` say which one it is; the words may differ from day to day. */
export type Problem = { code: string; host?: string; severity: Severity; says: string };

export type Change = {
  domain: string;
  severity: Severity;
  /** Absent when the domain was not checked before. */
  before?: Severity;
  message?: Fate["kind"];
  appeared: Problem[];
  gone: Problem[];
};

export function keep({ checkedAt, severity, fate, findings }: CheckResult): KeptResult {
  const problems = findings
    .filter((finding) => finding.severity === "warning" || finding.severity === "error")
    .map(({ code, host, severity, says }) => ({ code, severity, says, ...(host === undefined ? {} : { host }) }));
  return { checkedAt, severity, problems, ...(fate === undefined ? {} : { message: fate.kind }) };
}

/** `undefined`: all is as it was. The first check of a domain is a change. */
export function changeSince(before: KeptResult | undefined, domain: string, after: KeptResult): Change | undefined {
  const { severity, message, problems } = after;
  const appeared = missingIn(before?.problems ?? [], problems);
  const gone = missingIn(problems, before?.problems ?? []);
  const isSame = before !== undefined && before.message === message && appeared.length + gone.length === 0;
  if (isSame) return undefined;
  return {
    domain,
    severity,
    appeared,
    gone,
    ...(before === undefined ? {} : { before: before.severity }),
    ...(message === undefined ? {} : { message }),
  };
}

/** Those of `problems` that `others` has not, or has in another severity. */
function missingIn(others: Problem[], problems: Problem[]): Problem[] {
  const keys = new Set(others.map(keyOf));
  return problems.filter((problem) => !keys.has(keyOf(problem)));
}

const keyOf = ({ code, host = "", severity }: Problem) => `${severity} ${code} ${host}`;
