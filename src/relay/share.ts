/**
 * What each of several processes may have of what is meant for all of them. A
 * limit is divided, so that it holds whatever the others do. None is left with
 * nothing: of a limit smaller than the number of processes each has one.
 */
import type { Config } from "../config/config.ts";

/** One of `of` processes: `index` counts from 0. */
export type Place = { index: number; of: number };

/** Whole parts of `total` that differ by one at most, and never 0. */
export function wholePart(total: number, { index, of }: Place): number {
  return Math.max(1, Math.floor((total + of - 1 - index) / of));
}

/** The configuration of one process. Deliveries at a time (`delivery.concurrency`) are each process's own. */
export function shareOf(config: Config, place: Place): Config {
  const { submission, delivery, domains } = config;
  return {
    ...config,
    submission: {
      ...submission,
      maxConnections: wholePart(submission.maxConnections, place),
      maxConnectionsPerClient: wholePart(submission.maxConnectionsPerClient, place),
    },
    delivery: { ...delivery, maxSessionsPerDestination: wholePart(delivery.maxSessionsPerDestination, place) },
    domains: Object.fromEntries(Object.entries(domains).map(([domain, rule]) => [domain, shareOfRule(rule, place)])),
  };
}

type Rule = Config["domains"][string];

function shareOfRule(rule: Rule, place: Place): Rule {
  const { maxSessions, maxPerMinute } = rule;
  return {
    ...rule,
    ...(maxSessions === undefined ? {} : { maxSessions: wholePart(maxSessions, place) }),
    // A rate may be a fraction: one in two minutes.
    ...(maxPerMinute === undefined ? {} : { maxPerMinute: maxPerMinute / place.of }),
  };
}
