/**
 * The checks of watched domains, as a task of the schedule.
 */
import type { CheckParts } from "../check/check.ts";
import type { KeptResult } from "../check/kept-result.ts";
import { checkWatched } from "../check/watch.ts";
import type { Config } from "../config/config.ts";
import type { Events } from "../observe/events.ts";
import { createCheckResults } from "../store/check-results.ts";
import type { StoreConnection } from "../store/connection.ts";
import { createPolicyStore } from "../store/policy-store.ts";
import type { ScheduledTask } from "../store/schedule.ts";
import { createChecks } from "./checks.ts";
import type { Network } from "./protocols.ts";

export type CheckTaskParts = {
  live: () => Config;
  connection: StoreConnection;
  network: Network;
  ruleOf: CheckParts["ruleOf"];
  events: Pick<Events, "checkChanged">;
};

/** There also while nothing is watched: that may change while the relay runs. */
export function checkTask({ live, connection, network, ruleOf, events }: CheckTaskParts): ScheduledTask {
  const memory = createCheckResults<KeptResult>(connection);
  const cache = createPolicyStore(connection);
  return {
    name: "domain-check",
    everyMs: live().check.everyMs,
    run: async (signal) => {
      const check = createChecks(live(), { ...network, cache, ruleOf });
      const report = events.checkChanged;
      await checkWatched({ check, memory, report }, live().check.watch, signal);
    },
  };
}
