/** What all processes together did, minute by minute, for a day. */
import type { StoreConnection } from "./connection.ts";
import { flowKey } from "./keys.ts";
import { guarded } from "./store-error.ts";

/** Messages that came in or were refused; outcomes, each of the recipients in one domain. */
export const FLOWS = ["accepted", "refused", "delivered", "deferred", "failed"] as const;
export type Flow = Record<(typeof FLOWS)[number], number>;
/** `minute` is UTC: `2026-11-22T11:40`. */
export type FlowMinute = Flow & { minute: string };

export type FlowStore = {
  add(minutes: FlowMinute[]): Promise<void>;
  /** For each of these minutes, in their order; zeros where nothing happened. */
  read(minutes: string[]): Promise<FlowMinute[]>;
};

const KEPT_SECONDS = 25 * 3_600;

/** All methods reject with a `StoreError` while Redis is away. */
export function createFlowStore({ redis }: Pick<StoreConnection, "redis">): FlowStore {
  return {
    async add(minutes) {
      const pipeline = redis.pipeline();
      for (const flow of minutes) {
        const key = flowKey(flow.minute);
        for (const name of FLOWS) if (flow[name] > 0) pipeline.hincrby(key, name, flow[name]);
        pipeline.expire(key, KEPT_SECONDS);
      }
      await guarded("keep what was counted", pipeline.exec());
    },
    async read(minutes) {
      const pipeline = redis.pipeline();
      for (const minute of minutes) pipeline.hmget(flowKey(minute), ...FLOWS);
      const replies = (await guarded("read what was counted", pipeline.exec())) ?? [];
      return minutes.map((minute, index) => {
        const values = (replies[index]?.[1] ?? []) as (string | null)[];
        const flow = Object.fromEntries(FLOWS.map((name, i) => [name, Number(values[i] ?? 0)])) as Flow;
        return { minute, ...flow };
      });
    },
  };
}
