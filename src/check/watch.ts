/**
 * Checks the domains that an operator watches, and tells what has changed.
 */
import type { Domain } from "../dns/answer.ts";
import type { CheckDomain } from "./check.ts";
import { type Change, changeSince, keep, type KeptResult } from "./kept-result.ts";

/** Keeps results from one check to the next, for all processes. */
export type CheckMemory = {
  /** `undefined`: not checked before. */
  last(domain: Domain): Promise<KeptResult | undefined>;
  keep(domain: Domain, result: KeptResult): Promise<void>;
  /** Forgets domains that are watched no longer. */
  forgetOthers(watched: Domain[]): Promise<void>;
};

export type WatchParts = {
  check: CheckDomain;
  memory: CheckMemory;
  report: (change: Change) => void;
};

/** One after the other: nothing hurries. Rejects when the memory is away, or `signal` ends it. */
export async function checkWatched(parts: WatchParts, domains: Domain[], signal: AbortSignal): Promise<void> {
  const { check, memory, report } = parts;
  await memory.forgetOthers(domains);
  for (const domain of domains) {
    const after = keep(await check(domain, signal));
    const change = changeSince(await memory.last(domain), domain, after);
    // Kept first: what is told is not told again.
    await memory.keep(domain, after);
    if (change !== undefined) report(change);
  }
}
