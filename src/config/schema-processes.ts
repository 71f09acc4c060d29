/**
 * Settings that say which part of the work is done here, and by how many
 * processes.
 */
import { oneOf, wholeNumber } from "./kinds.ts";
import { setting } from "./setting.ts";

export const MOST_PROCESSES = 64;

export const role = setting(oneOf("all", "submission", "delivery"), {
  says: "What this relay does. all: takes mail and delivers it; submission: takes mail for others to deliver, and serves published policies; delivery: delivers what others took. The last two are for several machines over one Redis, and need redis.url. `start --role` sets it too.",
  default: "all",
});

export const processes = setting(wholeNumber(1, MOST_PROCESSES), {
  says: "How many processes do the work, beside one that keeps them running: about one for each core. 1: all is done in one process. Limits hold over all of them, each having its share: connections, and sessions and deliveries in a minute for each destination. `start --processes` sets it too.",
  default: 1,
});
