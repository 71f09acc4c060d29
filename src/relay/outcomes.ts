/**
 * Watches what becomes of messages, for those who wait for it in this process:
 * the lab's tour and the tests.
 */
import type { Events } from "../observe/events.ts";

export type SettledOutcome = {
  /** `mixed`: the recipients fared differently. */
  outcome: "delivered" | "deferred" | "failed" | "mixed";
  /** What protected the envelope and the message on their way to a host; `none` when neither was sent. */
  tls: "verified" | "encrypted" | "clear" | "none";
  /** A policy in mode `testing` was broken. */
  violation: boolean;
  /** In the relay's own words. */
  reason: string;
};

export type OutcomeWatch = {
  /** To be used by the relay in place of the events they wrap. */
  events: Events;
  /** What the first attempt that is not yet asked for makes of this message's recipients in `domain`. Rejects after `timeoutMs`. */
  settled(message: string, domain: string, timeoutMs?: number): Promise<SettledOutcome>;
};

type Line = { outcome: "delivered" | "deferred" | "failed"; reason: string };
type Seen = {
  lines: Line[];
  tls: SettledOutcome["tls"];
  violation: boolean;
  done?: SettledOutcome;
  waiting?: (outcome: SettledOutcome) => void;
};

const MOST_SEEN = 10_000;

export function watchOutcomes(events: Events): OutcomeWatch {
  const seen = new Map<string, Seen>();
  const entry = (message: string, domain: string): Seen => {
    const key = `${message} ${domain}`;
    const known = seen.get(key) ?? { lines: [], tls: "none" as const, violation: false };
    seen.set(key, known);
    if (seen.size > MOST_SEEN) seen.delete(seen.keys().next().value ?? "");
    return known;
  };
  const add = (message: string, domain: string, line: Line) => {
    const known = entry(message, domain);
    known.lines.push(line);
    // All lines of one attempt are written in one turn.
    if (known.lines.length === 1) setImmediate(close, known);
  };
  return {
    events: {
      ...events,
      attempt(what) {
        events.attempt(what);
        // A verdict that falls short ends the session before the envelope, but in testing mode, where a delivery tells.
        if (what.tls !== undefined && what.verdict === "meets") entry(what.message, what.domain).tls = tlsOf(what.tls);
      },
      violation(what) {
        events.violation(what);
        entry(what.message, what.domain).violation = true;
      },
      delivered(what) {
        events.delivered(what);
        entry(what.message, what.domain).tls = tlsOf(what.tls);
        add(what.message, what.domain, {
          outcome: "delivered",
          reason: `${what.host}, ${what.tls}`,
        });
      },
      deferred(what) {
        events.deferred(what);
        add(what.message, what.domain, { outcome: "deferred", reason: what.detail });
      },
      failed(what) {
        events.failed(what);
        add(what.message, what.domain, { outcome: "failed", reason: `${what.detail} (${what.status})` });
      },
    },
    settled(message, domain, timeoutMs = 60_000) {
      const known = entry(message, domain);
      const { promise, resolve, reject } = Promise.withResolvers<SettledOutcome>();
      const timer = setTimeout(
        () => reject(new Error(`no outcome of ${message} for ${domain} in ${timeoutMs} ms`)),
        timeoutMs,
      );
      known.waiting = (outcome) => {
        clearTimeout(timer);
        seen.delete(`${message} ${domain}`);
        resolve(outcome);
      };
      if (known.done !== undefined) known.waiting(known.done);
      return promise;
    },
  };
}

function close(known: Seen): void {
  known.done = summarise(known);
  known.lines = [];
  known.waiting?.(known.done);
}

function summarise({ lines, tls, violation }: Seen): SettledOutcome {
  const kinds = new Set(lines.map((line) => line.outcome));
  const [first] = lines;
  return {
    outcome: kinds.size > 1 ? "mixed" : (first?.outcome ?? "failed"),
    tls,
    violation,
    reason: [...new Set(lines.map((line) => line.reason))].join("; "),
  };
}

function tlsOf(words: string): SettledOutcome["tls"] {
  if (words === "in the clear") return "clear";
  return words.endsWith(", verified") ? "verified" : "encrypted";
}
