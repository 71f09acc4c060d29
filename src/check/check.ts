/**
 * Checks domains: looks, and says what it makes of what it saw.
 */
import type { Domain } from "../dns/answer.ts";
import { collectFacts, type CollectParts } from "./collect.ts";
import { finding } from "./finding.ts";
import { type CheckResult, judgeFacts } from "./result.ts";

/** Rejects only when `signal` ends it, with the signal's reason. */
export type CheckDomain = (domain: Domain, signal?: AbortSignal) => Promise<CheckResult>;

export type CheckParts = CollectParts & {
  /** For one domain, over all its hosts. */
  timeoutMs: number;
};

export function createCheck(parts: CheckParts): CheckDomain {
  return async (domain, signal) => {
    const deadline = AbortSignal.timeout(parts.timeoutMs);
    const ends = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    try {
      return judgeFacts(await collectFacts(parts, domain, ends));
    } catch (error) {
      signal?.throwIfAborted();
      if (!deadline.aborted) throw error;
      return unfinished(domain, parts);
    }
  };
}

function unfinished(domain: Domain, { now, timeoutMs }: CheckParts): CheckResult {
  const says = `the check was not done within ${timeoutMs / 1000} seconds`;
  const todo = "Its name servers or hosts are very slow from here, or there are very many of them.";
  const findings = [finding("route", "error", "not-finished", says, todo)];
  return { domain, checkedAt: now(), severity: "error", findings };
}
