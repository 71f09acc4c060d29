/**
 * The flow of mail, counted as it happens: how many messages came in, and what
 * became of them, for each minute.
 */
import type { Events } from "../observe/events.ts";
import { type Flow, FLOWS, type FlowMinute, type FlowStore } from "../store/flow.ts";

const MINUTE_MS = 60_000;

/** `2026-11-22T11:40`. */
export const minuteOf = (at: number): string => new Date(at).toISOString().slice(0, 16);

/** The last `count` minutes, the oldest first, the present one among them. */
export function lastMinutes(count: number, now: number): string[] {
  return Array.from({ length: count }, (_, i) => minuteOf(now - (count - 1 - i) * MINUTE_MS));
}

export type FlowCounter = {
  /** The same events, counted. */
  events(events: Events): Events;
  /** Writes down what was counted; what could not be written is kept for the next time. */
  flush(): Promise<void>;
};

/** While Redis is away for longer, what is older is not worth remembering. */
const MOST_MINUTES = 60;

export function createFlowCounter(parts: { store: Pick<FlowStore, "add">; now: () => number }): FlowCounter {
  let counted = new Map<string, FlowMinute>();
  const count = (what: keyof Flow) => {
    const minute = minuteOf(parts.now());
    let flow = counted.get(minute);
    if (flow === undefined) {
      flow = { minute, accepted: 0, refused: 0, delivered: 0, deferred: 0, failed: 0 };
      counted.set(minute, flow);
      if (counted.size > MOST_MINUTES) counted.delete(counted.keys().next().value ?? "");
    }
    flow[what] += 1;
  };
  return {
    events: (events) => ({
      ...events,
      accepted(what) {
        count("accepted");
        events.accepted(what);
      },
      submissionRefused(what) {
        count("refused");
        events.submissionRefused(what);
      },
      delivered(what) {
        count("delivered");
        events.delivered(what);
      },
      deferred(what) {
        count("deferred");
        events.deferred(what);
      },
      failed(what) {
        count("failed");
        events.failed(what);
      },
    }),
    async flush() {
      if (counted.size === 0) return;
      const writing = counted;
      counted = new Map();
      try {
        await parts.store.add([...writing.values()]);
      } catch (err) {
        for (const flow of writing.values()) counted.set(flow.minute, sum(flow, counted.get(flow.minute)));
        throw err;
      }
    },
  };
}

function sum(a: FlowMinute, b: FlowMinute | undefined): FlowMinute {
  const total = { ...a };
  for (const name of FLOWS) total[name] += b?.[name] ?? 0;
  return total;
}
