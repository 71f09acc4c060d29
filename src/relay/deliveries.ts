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
import type { MailQueue } from "../store/mail-queue.ts";
import { type ScheduledTask, startSchedule } from "../store/schedule.ts";
import { sweepOrphans } from "../store/sweeper.ts";
import type { Protocols } from "./relay.ts";

export type DeliveriesParts = {
  config: Config;
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
  });
  stack.defer(() => worker.close(config.shutdown.graceMs));
}

function tasksOf({ connection, protocols, events }: DeliveriesParts): ScheduledTask[] {
  return [
    {
      name: "policy-refresh",
      everyMs: MINUTE_MS,
      run: async (signal) => void (await protocols.policies.refreshDue(signal)),
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

function deliveryParts({ config, protocols, events }: DeliveriesParts, pool: ReturnType<typeof createSessionPool>) {
  const { delivery, retry } = config;
  const { sourceAddress4, sourceAddress6 } = delivery;
  return {
    ...protocols,
    pool,
    openSession,
    events,
    hostname: config.hostname,
    port: delivery.port,
    ipv6: delivery.ipv6,
    sourceAddress: {
      ...(sourceAddress4 === undefined ? {} : { 4: sourceAddress4 }),
      ...(sourceAddress6 === undefined ? {} : { 6: sourceAddress6 }),
    },
    limits: {
      setupTimeoutMs: delivery.connectTimeoutMs,
      commandTimeoutMs: delivery.commandTimeoutMs,
      dataTimeoutMs: delivery.dataTimeoutMs,
    },
    recipientsPerTransaction: delivery.maxRecipientsPerTransaction,
    attemptTimeoutMs: delivery.attemptTimeoutMs,
    retry,
    ruleOf: (domain: string) => domainRule(config, domain),
    now: Date.now,
    random: Math.random,
  };
}
