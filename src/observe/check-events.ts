/**
 * What happens with the domains that an operator watches.
 */
import type { Logger } from "pino";

export type CheckProblem = { code: string; host?: string; severity: string; says: string };

export type CheckChange = {
  domain: string;
  /** Of the worst that is found now, and of the worst before. */
  severity: "ok" | "info" | "warning" | "error";
  before?: string;
  /** What would become of a message. */
  message?: string;
  appeared: CheckProblem[];
  gone: CheckProblem[];
};

export function checkEvents(log: Logger) {
  return {
    checkChanged: (change: CheckChange) =>
      log[change.appeared.length > 0 ? "warn" : "info"]({ event: "check-changed", ...change }, words(change)),
  };
}

function words({ domain, before, appeared, gone }: CheckChange): string {
  const list = (problems: CheckProblem[]) => problems.map(({ says }) => says).join("; ");
  if (appeared.length > 0) return `check of ${domain}: ${list(appeared)}`;
  if (gone.length > 0) return `check of ${domain}: no longer so: ${list(gone)}`;
  return before === undefined ? `check of ${domain}: nothing wrong` : `check of ${domain}: mail fares differently now`;
}
