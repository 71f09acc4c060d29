/**
 * What the relay does by the clock: policy refresh, checks, summaries, clearing
 * up. One process is enough for it.
 */
import type { Config } from "../config/config.ts";
import type { Events } from "../observe/events.ts";
import type { RuleBook } from "../operate/rule-book.ts";
import type { StoreConnection } from "../store/connection.ts";
import { trimHistory } from "../store/history-trim.ts";
import { type ScheduledTask, startSchedule } from "../store/schedule.ts";
import { sweepOrphans } from "../store/sweeper.ts";
import { checkTask } from "./check-task.ts";
import { ruleOf } from "./deliveries.ts";
import type { Protocols } from "./protocols.ts";

export type MaintenanceParts = {
  config: Config;
  live: () => Config;
  connection: StoreConnection;
  protocols: Protocols;
  events: Events;
  rules: Pick<RuleBook, "find">;
  /** What other parts want done. */
  tasks: ScheduledTask[];
};

const MINUTE_MS = 60_000;

/** What it starts, `stack` stops. */
export function startMaintenance(parts: MaintenanceParts, stack: AsyncDisposableStack): void {
  const { connection, events } = parts;
  const onFault = (where: string, err: unknown) => events.fault({ where, err });
  const schedule = startSchedule({ connection, tasks: tasksOf(parts), onFault });
  stack.defer(() => schedule.close());
}

function tasksOf(parts: MaintenanceParts): ScheduledTask[] {
  const { config, live, connection, protocols, events, tasks } = parts;
  // History gives way before mail is refused.
  const memoryShare = config.redis.stopIntakeAt * 0.8;
  return [
    ...tasks,
    checkTask({ live, connection, network: protocols, ruleOf: ruleOf(parts), events }),
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
