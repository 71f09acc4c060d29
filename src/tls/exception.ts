/**
 * An exception: what an operator laid down for one recipient domain while the
 * relay runs. It takes the place of the configured rule, says who wants it and
 * why, and ends by itself.
 */
import type { Domain } from "../dns/answer.ts";
import type { OperatorRule } from "./requirement.ts";

export type Exception = {
  /** It alone, not the domains below it. */
  domain: Domain;
  what: ExceptionRule;
  /** Who set it. */
  by: string;
  /** In the operator's words. */
  reason: string;
  setAt: number;
  /** Absent: until it is taken back. */
  until?: number;
};

export type ExceptionRule =
  | { kind: "mta-sts"; rule: OperatorRule }
  /** These MX hosts alone, over verified TLS, whatever a policy says. `*.example.com` stands for exactly one label. */
  | { kind: "pin"; mx: Domain[] };

export function isOver(exception: Exception, now: number): boolean {
  return exception.until !== undefined && now >= exception.until;
}

/** "rule disable, set by anna@mail until 2026-11-24 10:00 UTC: their certificate ran out" */
export function describeException({ what, by, reason, until }: Exception): string {
  const end = until === undefined ? "until it is taken back" : `until ${minuteOf(until)}`;
  return `${describeExceptionRule(what)}, set by ${by} ${end}: ${reason}`;
}

export function describeExceptionRule(what: ExceptionRule): string {
  return what.kind === "pin" ? `only ${what.mx.join(", ")} with verified TLS` : `rule ${what.rule}`;
}

const minuteOf = (at: number) => `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
