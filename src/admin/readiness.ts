/**
 * Whether the relay can do its work: what is asked of each of its parts, with a
 * time limit, and remembered for a moment so that nobody can make it busy by
 * asking.
 */
import { createRemembered } from "./remembered.ts";

/** What is wrong, in words; `undefined` when all is well. */
export type HealthCheck = (signal: AbortSignal) => Promise<string | undefined>;

export type ReadinessReport = {
  ready: boolean;
  checks: Record<string, { ok: boolean; detail?: string }>;
};

export type Readiness = { report(): Promise<ReadinessReport> };

const LIMIT_MS = 2_000;

export function createReadiness(parts: { checks: Record<string, HealthCheck>; now: () => number }): Readiness {
  const look = async (): Promise<ReadinessReport> => {
    const entries = Object.entries(parts.checks).map(async ([name, check]) => [name, await outcomeOf(check)] as const);
    const checks = Object.fromEntries(await Promise.all(entries));
    return { ready: Object.values(checks).every(({ ok }) => ok), checks };
  };
  const remembered = createRemembered(look, { leastMs: 1_000, now: parts.now });
  return { report: () => remembered.get() };
}

async function outcomeOf(check: HealthCheck): Promise<{ ok: boolean; detail?: string }> {
  const limit = new AbortController();
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => {
    resolve(`no answer within ${LIMIT_MS / 1_000} s`);
    limit.abort();
  }, LIMIT_MS);
  try {
    const detail = await Promise.race([check(limit.signal), late]);
    return detail === undefined ? { ok: true } : { ok: false, detail };
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
