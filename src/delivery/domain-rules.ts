/**
 * What the operator laid down for a recipient domain, as delivery needs it.
 */
import type { Domain } from "../dns/answer.ts";
import { type Exception, isOver } from "../tls/exception.ts";
import type { OperatorRule } from "../tls/requirement.ts";

export type DomainRule = {
  mtaSts: OperatorRule;
  /** Set at run time. What it says of MTA-STS is in `mtaSts` already. */
  exception?: Exception;
  /** When it cannot be found out whether there is a policy, and none is known. */
  onDiscoveryFailure: {
    action: "defer" | "proceed";
    /** How much of a message's life to wait before going on as without a policy. */
    deferForMs: number;
  };
  /** Where the domain's mail goes instead of to its MX hosts. */
  route: SmartHost | undefined;
};

export type SmartHost = {
  host: Domain;
  port: number;
  tls: "starttls" | "implicit";
  login?: { user: string; password: string };
};

/** The configured rule, with an exception in the place of what it says of MTA-STS while that is in force. */
export function withException(rule: DomainRule, exception: Exception | undefined, now: number): DomainRule {
  if (exception === undefined || isOver(exception, now)) return rule;
  const { what } = exception;
  return { ...rule, exception, ...(what.kind === "mta-sts" ? { mtaSts: what.rule } : {}) };
}
