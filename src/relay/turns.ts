/**
 * Joins the queue, the rules of fairness and what all processes know of closed
 * destinations.
 */
import type { Config } from "../config/config.ts";
import { domainRule } from "../config/domain-rule.ts";
import { DESTINATION_RULES } from "../delivery/destination.ts";
import { createPacer } from "../delivery/pacer.ts";
import { createFairness } from "../delivery/fairness.ts";
import { closedDeferral, endingOf } from "../delivery/ending.ts";
import type { Outcome } from "../delivery/outcome.ts";
import { warnAt } from "../delivery/reports.ts";
import { isLastAttempt } from "../delivery/retry.ts";
import { settle, waitingRecipients } from "../delivery/settle.ts";
import type { Domain } from "../dns/answer.ts";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import type { Events } from "../observe/events.ts";
import { followClosedDestinations } from "../store/closed-destinations.ts";
import type { StoreConnection } from "../store/connection.ts";
import type { JobPast, JobTurn } from "../store/delivery-worker.ts";
import { wakeParked } from "../store/parking.ts";

export type Turns = {
  /** New mail goes before what has been put behind it. */
  turn: (data: DeliveryJobData, signal: AbortSignal, past: JobPast) => Promise<JobTurn>;
  ended: (domain: Domain, outcomes: Map<string, Outcome>, tookMs: number) => void;
  /** The outcome of a delivery that has a turn for the sake of a report to its sender alone: its destination is closed. */
  untried: (data: DeliveryJobData) => Outcome | undefined;
};

/** What it starts, `stack` stops. */
export function createTurns(
  parts: { live: () => Config; connection: StoreConnection; events: Events },
  stack: AsyncDisposableStack,
): Turns {
  const { live, connection, events } = parts;
  const shared = followClosedDestinations({ connection, now: Date.now });
  stack.defer(() => shared.stop());
  // Where the mail really goes: all domains behind one smart host are one destination.
  const destinationOf = (domain: Domain) => domainRule(live(), domain).route?.host ?? domain;
  const fairness = createFairness({
    rules: { ...DESTINATION_RULES, mostSessions: live().delivery.maxSessionsPerDestination },
    slots: live().delivery.concurrency,
    limitsOf: (destination) => domainRule(live(), destination).limits,
    shared,
    wake: (destination, count) => wakeParked(connection.redis, destination, count, Date.now()),
    onChange: (change) => events.destination(change),
    now: Date.now,
  });
  const untried = new WeakMap<DeliveryJobData, Outcome>();
  const untriedTurn = createPacer(UNTRIED_EVERY_MS);
  return {
    untried: (data) => untried.get(data),
    async turn(data, signal, { isNew, wasBegun }) {
      const destination = destinationOf(data.domain);
      const insists = isLastAttempt(Date.now(), Date.parse(data.expiresAt));
      const turn = await fairness.turn(destination, { insists, mayBeWoken: wasBegun, signal });
      switch (turn.kind) {
        case "go":
          return turn;
        case "park": {
          const { until, waits, behind, parked } = turn;
          if (behind && !isNew) await untriedTurn(signal);
          const later = { ...(waits ? { waitsFor: destination } : {}), ...(behind ? { behind: true as const } : {}) };
          return { kind: "parked", until, parked, ...later };
        }
        case "closed": {
          const outcome = closedDeferral(destination, turn);
          if (!isLate(data, live())) {
            if (!isNew) await untriedTurn(signal);
            return toNextTime(data, outcome, live());
          }
          untried.set(data, outcome);
          return { kind: "go", leave: () => undefined };
        }
      }
    },
    ended(domain, outcomes, tookMs) {
      const { ending, detail } = endingOf(outcomes.values());
      fairness.ended(destinationOf(domain), ending, { tookMs, detail });
    },
  };
}

/**
 * A backlog that is due again and cannot be tried is put off no faster than this,
 * in each process: a slot becomes free as often, and new mail takes it first, and
 * most of the processor. New mail itself is put off at once, as others are behind it.
 */
const UNTRIED_EVERY_MS = 2;

/** Its sender is to be told now: also of mail whose destination is closed whenever it comes. */
const isLate = (data: DeliveryJobData, { retry }: Config) => Date.now() >= warnAt(data, retry.warnAfterMs);

/** As after an attempt, without one. */
function toNextTime(data: DeliveryJobData, outcome: Outcome, config: Config): JobTurn {
  const outcomes = new Map(waitingRecipients(data).map((address) => [address, outcome]));
  const now = Date.now();
  const settled = settle(data, outcomes, [], { startedAt: now, now, rules: config.retry, random: Math.random() });
  return { kind: "again", at: settled.again?.at ?? now, data: settled.data };
}
