/**
 * The delivering half of the relay: workers, kept sessions, policy refresh.
 */
import type { Config } from "../config/config.ts";
import { domainRule } from "../config/domain-rule.ts";
import { createDelivery } from "../delivery/deliver.ts";
import type { Events } from "../observe/events.ts";
import { createSessionPool } from "../smtp/pool.ts";
import { openSession } from "../smtp/session.ts";
import type { StoreConnection } from "../store/connection.ts";
import { startDeliveryWorker } from "../store/delivery-worker.ts";
import { trimHistory } from "../store/history-trim.ts";
import type { MailQueue } from "../store/mail-queue.ts";
import { type ScheduledTask, startSchedule } from "../store/schedule.ts";
import { sweepOrphans } from "../store/sweeper.ts";
import type { Protocols } from "./protocols.ts";
import { wayOut } from "./way-out.ts";

export type DeliveriesParts = {
  config: Config;
  /** The configuration of the moment, for what may change while the relay runs. */
  live: () => Config;
  connection: StoreConnection;
  queue: MailQueue;
  protocols: Protocols;
  events: Events;
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
  const worker = startDeliveryWorker({
    connection,
    queue: parts.queue,
    concurrency: config.delivery.concurrency,
    deliver: createDelivery(deliveryParts(parts, pool)),
    onFault,
    onOrder: ({ message, domain }, { verb, by, reason }) =>
      events.operatorOrder({ message, domain, verb, by, ...(reason === undefined ? {} : { reason }) }),
  });
  stack.defer(() => worker.close(parts.live().shutdown.graceMs));
}

function tasksOf({ config, connection, protocols, events }: DeliveriesParts): ScheduledTask[] {
  // History gives way before mail is refused.
  const memoryShare = config.redis.stopIntakeAt * 0.8;
  return [
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

function deliveryParts({ config, live, protocols, events }: DeliveriesParts, pool: ReturnType<typeof createSessionPool>) {
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
    ruleOf: (domain: string) => domainRule(live(), domain),
    now: Date.now,
    random: Math.random,
  };
}
