/**
 * The delivering half of the relay: workers and kept sessions.
 */
import type { Config } from "../config/config.ts";
import { domainRule } from "../config/domain-rule.ts";
import { createDelivery } from "../delivery/deliver.ts";
import { type DomainRule, withException } from "../delivery/domain-rules.ts";
import type { SessionSeen } from "../delivery/session-seen.ts";
import type { Events } from "../observe/events.ts";
import type { RuleBook } from "../operate/rule-book.ts";
import { createSessionPool } from "../smtp/pool.ts";
import { openSession } from "../smtp/session.ts";
import type { StoreConnection } from "../store/connection.ts";
import { startDeliveryWorker } from "../store/delivery-worker.ts";
import type { SessionResult } from "../tlsrpt/result.ts";
import type { HandOver } from "../store/hand-over.ts";
import type { KeptTexts } from "../store/kept-texts.ts";
import type { MailQueue } from "../store/mail-queue.ts";
import type { Counting } from "./admin.ts";
import type { Protocols } from "./protocols.ts";
import type { Watching } from "./watching.ts";
import { createTurns, type Turns } from "./turns.ts";
import { wayOut } from "./way-out.ts";

export type DeliveriesParts = {
  config: Config;
  /** The configuration of the moment, for what may change while the relay runs. */
  live: () => Config;
  connection: StoreConnection;
  queue: MailQueue;
  handOver: HandOver;
  kept: KeptTexts;
  protocols: Protocols;
  events: Events;
  watching: Watching;
  rules: Pick<RuleBook, "find">;
  counting: Counting;
  onTlsResult: ((result: SessionResult) => void) | undefined;
};

export type Deliveries = {
  /** Takes over the jobs of processes of this machine that have ended. */
  takeOver(): Promise<void>;
};

/** What it starts, `stack` stops. */
export function startDeliveries(parts: DeliveriesParts, stack: AsyncDisposableStack): Deliveries {
  const { config, connection, events } = parts;
  const onFault = (where: string, err: unknown) => events.fault({ where, err });
  const pool = createSessionPool({
    idleMs: config.delivery.sessionIdleMs,
    messagesPerSession: config.delivery.maxMessagesPerSession,
  });
  stack.defer(() => pool.close());
  const turns = createTurns(parts, stack);
  const worker = startDeliveryWorker({
    connection,
    queue: parts.queue,
    handOver: parts.handOver,
    kept: parts.kept,
    concurrency: config.delivery.concurrency,
    turn: turns.turn,
    deliver: createDelivery(deliveryParts(parts, pool, turns)),
    onFault,
    onFreed: (jobs) => events.jobsTakenOver({ jobs }),
    onOrder: ({ message, domain }, { verb, by, reason }) =>
      events.operatorOrder({ message, domain, verb, by, ...(reason === undefined ? {} : { reason }) }),
  });
  stack.defer(() => worker.close(parts.live().shutdown.graceMs));
  return { takeOver: () => worker.takeOver() };
}

/** The configuration's rule of the moment, and the exception over it. */
export function ruleOf({ live, rules }: Pick<DeliveriesParts, "live" | "rules">): (domain: string) => DomainRule {
  return (domain) => withException(domainRule(live(), domain), rules.find(domain), Date.now());
}

function deliveryParts(parts: DeliveriesParts, pool: ReturnType<typeof createSessionPool>, turns: Turns) {
  const { config, live, protocols, events, watching, counting } = parts;
  const { delivery } = config;
  return {
    ...protocols,
    pool,
    openSession,
    events,
    ...wayOut(config),
    recipientsPerTransaction: delivery.maxRecipientsPerTransaction,
    attemptTimeoutMs: delivery.attemptTimeoutMs,
    get retry() {
      return live().retry;
    },
    policies: watching.watched(protocols.policies, (answer) => counting.policyAnswer(answer)),
    onTlsResult: parts.onTlsResult,
    onEnded: (...[domain, outcomes, tookMs]: Parameters<Turns["ended"]>) => {
      counting.attemptTook(tookMs);
      turns.ended(domain, outcomes, tookMs);
    },
    untried: turns.untried,
    onSession(seen: SessionSeen) {
      counting.session(seen);
      watching.session(seen);
    },
    ruleOf: ruleOf(parts),
    now: Date.now,
    random: Math.random,
  };
}
