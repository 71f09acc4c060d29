/**
 * How many deliveries a destination may have at a time, from how it has fared:
 * grown while it goes well, cut when it does not, closed when it cannot be
 * reached. State to state; who waits for what is `fairness.ts`.
 */

export type Destination = {
  /** Deliveries it may have at a time, in this process. */
  limit: number;
  active: number;
  /** How long a delivery takes, smoothed; `undefined` before the first one. */
  typicalMs: number | undefined;
  /** Attempts in a row that could not get a session. */
  failures: number;
  /** How often it was closed in a row. */
  closings: number;
  /** No delivery before then, but one that probes. 0: open. */
  closedUntil: number;
  /** Why it was closed, in plain words. */
  closedBecause: string;
};

export type DestinationRules = {
  /** Deliveries at a time to a destination that nothing is known of. */
  firstLimit: number;
  /** Deliveries at a time at most. */
  mostSessions: number;
  /** Attempts in a row without a session that close it. */
  failuresToClose: number;
  /** How long it is closed the first time; twice as long each time after. */
  closeMs: number;
  longestCloseMs: number;
  /** How long a delivery may wait for its turn in a worker's slot. */
  patienceMs: number;
  /** Where a turn becomes free as often as this, a delivery waits behind any number: to park it costs more. */
  quickTurnMs: number;
  /** Deliveries that wait in slots at most: a place in the line is for turns that come at once. */
  longestLine: number;
};

export const DESTINATION_RULES: DestinationRules = {
  firstLimit: 5,
  mostSessions: 20,
  failuresToClose: 4,
  closeMs: 60_000,
  longestCloseMs: 15 * 60_000,
  patienceMs: 50,
  quickTurnMs: 8,
  longestLine: 30,
};

export function newDestination(rules: DestinationRules): Destination {
  const limit = Math.min(rules.firstLimit, rules.mostSessions);
  return { limit, active: 0, typicalMs: undefined, failures: 0, closings: 0, closedUntil: 0, closedBecause: "" };
}

export type Admission =
  | { kind: "go" }
  /** A turn comes soon: worth a place in the line. */
  | { kind: "wait" }
  /** It would take too long: the slot is of more use to others. */
  | { kind: "park" }
  | { kind: "closed"; until: number; because: string };

/** @param waiting deliveries in the line before this one */
export function admit(destination: Destination, waiting: number, now: number, rules: DestinationRules): Admission {
  const { active, limit, typicalMs, closedUntil, closings } = destination;
  if (now < closedUntil) return { kind: "closed", until: closedUntil, because: destination.closedBecause };
  // After a closing one delivery at a time finds out whether it is back.
  const allowed = closings > 0 ? 1 : limit;
  if (active < allowed && waiting === 0) return { kind: "go" };
  if (typicalMs === undefined || closings > 0) return { kind: "park" };
  const turnMs = typicalMs / limit;
  const comesSoon = turnMs <= rules.quickTurnMs || turnMs * (waiting + 1) <= rules.patienceMs;
  return { kind: comesSoon && waiting < rules.longestLine ? "wait" : "park" };
}

/** How a delivery ended, as far as it speaks of the destination. */
export type Ending =
  /** The host talked to us about the message, whatever it said. */
  | "spoke"
  /** It asked for less: 421, or a reply that speaks of rates. */
  | "slow-down"
  /** No session could be had. */
  | "no-session"
  /** Says nothing: not begun, stopped by us, refused by a policy. */
  | "nothing";

/** What a delivery that has ended makes of its destination (`active` is counted down by the caller). */
export function after(
  destination: Destination,
  ending: Ending,
  facts: { tookMs: number; now: number; detail: string },
  rules: DestinationRules,
): Destination {
  switch (ending) {
    case "nothing":
      return destination;
    case "spoke":
      return {
        ...reopened(destination),
        limit: Math.min(destination.limit + 1, rules.mostSessions),
        typicalMs: smooth(destination.typicalMs, facts.tookMs),
      };
    case "slow-down":
      return {
        ...reopened(destination),
        limit: halved(destination.limit),
        typicalMs: smooth(destination.typicalMs, facts.tookMs),
      };
    case "no-session":
      return afterFailure(destination, facts, rules);
  }
}

function afterFailure(
  destination: Destination,
  { now, detail }: { now: number; detail: string },
  rules: DestinationRules,
): Destination {
  const failures = destination.failures + 1;
  const limit = halved(destination.limit);
  // A probe that fails closes it again at once.
  if (failures < rules.failuresToClose && destination.closings === 0) return { ...destination, failures, limit };
  // Those that were under way when it was closed say nothing new.
  if (now < destination.closedUntil) return { ...destination, failures, limit };
  const closeMs = Math.min(rules.closeMs * 2 ** destination.closings, rules.longestCloseMs);
  const closings = destination.closings + 1;
  return { ...destination, failures, limit, closings, closedUntil: now + closeMs, closedBecause: detail };
}

const reopened = (destination: Destination): Destination => ({
  ...destination,
  failures: 0,
  closings: 0,
  closedUntil: 0,
  closedBecause: "",
});

const halved = (limit: number) => Math.max(1, Math.floor(limit / 2));

/** Quick to trust, slow to doubt: the first delivery also waits for the policy, and a single slow one does not shut the line. */
function smooth(before: number | undefined, tookMs: number): number {
  if (before === undefined) return tookMs;
  return before + (tookMs - before) / (tookMs < before ? 2 : 8);
}
