/**
 * The delivering half of the relay: workers, kept sessions, policy refresh.
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
import { trimHistory } from "../store/history-trim.ts";
import type { MailQueue } from "../store/mail-queue.ts";
import { type ScheduledTask, startSchedule } from "../store/schedule.ts";
import { sweepOrphans } from "../store/sweeper.ts";
import type { Counting } from "./admin.ts";
import { checkTask } from "./check-task.ts";
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
  protocols: Protocols;
  events: Events;
  watching: Watching;
  rules: Pick<RuleBook, "find">;
  counting: Counting;
  /** What else is done by the clock. */
  tasks: ScheduledTask[];
  onTlsResult: ((result: SessionResult) => void) | undefined;
};

const MINUTE_MS = 60_000;

/** What it starts, `stack` stops. */
export function startDeliveries(parts: DeliveriesParts, stack: AsyncDisposableStack): void {
  const { config, connection, events } = parts;
  const onFault = (where: string, err: unknown) => events.fault({ where, err });
  const pool = createSessionPool({
    idleMs: config.delivery.sessionIdleMs,
    messagesPerSession: config.delivery.maxMessagesPerSession,
  });
  stack.defer(() => pool.close());
  const schedule = startSchedule({ connection, tasks: tasksOf(parts), onFault });
  stack.defer(() => schedule.close());
  const turns = createTurns(parts, stack);
  const worker = startDeliveryWorker({
    connection,
    queue: parts.queue,
    concurrency: config.delivery.concurrency,
    turn: turns.turn,
    deliver: createDelivery(deliveryParts(parts, pool, turns)),
    onFault,
    onFreed: (jobs) => events.jobsTakenOver({ jobs }),
    onOrder: ({ message, domain }, { verb, by, reason }) =>
      events.operatorOrder({ message, domain, verb, by, ...(reason === undefined ? {} : { reason }) }),
  });
  stack.defer(() => worker.close(parts.live().shutdown.graceMs));
}

function tasksOf(parts: DeliveriesParts): ScheduledTask[] {
  const { config, live, connection, protocols, events, watching, tasks } = parts;
  // History gives way before mail is refused.
  const memoryShare = config.redis.stopIntakeAt * 0.8;
  return [
    ...watching.tasks,
    checkTask({ live, connection, network: protocols, ruleOf: ruleOf(parts), events }),
    ...tasks,
    {
      name: "policy-refresh",
      everyMs: MINUTE_MS,
      run: async (signal) => void (await protocols.policies.refreshDue(signal)),
    },
    {
      name: "history-trim",
      everyMs: 10_000,
      run: async (signal) =>
        void (await trimHistory(connection, { ...config.history, memoryShare }, Date.now(), signal)),
    },
    {
      name: "orphan-sweep",
      everyMs: 60 * MINUTE_MS,
      run: async (signal) => {
        for (const orphan of await sweepOrphans({ connection, now: Date.now, signal })) events.orphanSwept(orphan);
      },
    },
  ];
}

/** The configuration's rule of the moment, and the exception over it. */
function ruleOf({ live, rules }: DeliveriesParts): (domain: string) => DomainRule {
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
