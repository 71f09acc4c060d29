/**
 * Shadow enforcement: what `enforce` would have refused, where it does not hold.
 * For domains whose policy is in mode `testing`, and, if the operator wants,
 * for every domain whose hosts offer TLS. RFC 8461 section 3.2 (mode testing).
 */
import type { SessionSeen } from "../delivery/session-seen.ts";
import type { Domain } from "../dns/answer.ts";
import type { ShadowDay, ShadowStore } from "../store/shadow.ts";
import { judge, type Shortfall } from "../tls/verdict.ts";

export type ShadowScope = "testing" | "all";

/**
 * What `enforce` would have found wrong with the session; `undefined` where it
 * is not watched. Without a policy there is no list of hosts to hold it against:
 * then it is the certificate alone.
 */
export function enforceWouldFind(seen: SessionSeen, scope: ShadowScope): { kind: "meets" } | Shortfall | undefined {
  const { requirement, facts, shortfall, at } = seen;
  if (requirement.reportOnly) return shortfall ?? { kind: "meets" };
  if (scope === "testing" || requirement.authority.by !== "nothing" || !facts.secured) return undefined;
  return judge({ tls: "verified" }, facts, at);
}

const DAY_MS = 86_400_000;

export function dayOf(at: number): string {
  const number = Math.floor(at / DAY_MS);
  // Asked several times for each message.
  if (number !== latestDay.number) latestDay = { number, day: new Date(at).toISOString().slice(0, 10) };
  return latestDay.day;
}

let latestDay = { number: Number.NaN, day: "" };

/** The last `count` days, the newest first, `today` among them. */
export function lastDays(count: number, now: number): string[] {
  return Array.from({ length: count }, (_, i) => dayOf(now - i * DAY_MS));
}

export type ShadowVerdict = {
  domain: Domain;
  messages: number;
  refused: number;
  /** What would have failed, most frequent first: host and reason. */
  why: { what: string; messages: number }[];
  /** No message would have been refused. */
  ready: boolean;
};

/** One for each domain: those with most to lose first, then by name. */
export function shadowVerdicts(days: ShadowDay[]): ShadowVerdict[] {
  const verdicts = [...Map.groupBy(days, ({ domain }) => domain)].map(([domain, all]): ShadowVerdict => {
    const why = new Map<string, number>();
    for (const [what, count] of all.flatMap((one) => Object.entries(one.why))) {
      why.set(what, (why.get(what) ?? 0) + count);
    }
    const sum = (name: "messages" | "refused") => all.reduce((total, one) => total + one[name], 0);
    return {
      domain,
      messages: sum("messages"),
      refused: sum("refused"),
      why: [...why].map(([what, messages]) => ({ what, messages })).sort((a, b) => b.messages - a.messages),
      ready: sum("refused") === 0,
    };
  });
  return verdicts.sort((a, b) => b.refused - a.refused || (a.domain < b.domain ? -1 : 1));
}

const MOST_LISTED = 100;
const MOST_REASONS_LISTED = 5;

export type ShadowSummary = {
  day: string;
  ready: Domain[];
  failing: { domain: Domain; messages: number; refused: number; why: string[] }[];
  /** Domains beyond those that are listed. */
  more: number;
};

export function summaryOf(day: string, verdicts: ShadowVerdict[]): ShadowSummary {
  const failing = verdicts.filter(({ ready }) => !ready);
  const ready = verdicts.filter((verdict) => verdict.ready);
  return {
    day,
    ready: ready.slice(0, MOST_LISTED).map(({ domain }) => domain),
    failing: failing.slice(0, MOST_LISTED).map(({ domain, messages, refused, why }) => ({
      domain,
      messages,
      refused,
      why: why.slice(0, MOST_REASONS_LISTED).map(({ what }) => what),
    })),
    more: Math.max(0, ready.length - MOST_LISTED) + Math.max(0, failing.length - MOST_LISTED),
  };
}

export type ShadowCounter = {
  session(seen: SessionSeen): void;
  /** Writes down what was counted; what could not be written is kept for the next time. */
  flush(): Promise<void>;
};

/** Domains counted between two times of writing: beyond, the rest is left out, and memory stays bounded. */
const MOST_WAITING = 10_000;
const MOST_REASONS_WAITING = 50;
const LONGEST_REASON = 200;

export function createShadowCounter(parts: { store: Pick<ShadowStore, "add">; scope: ShadowScope }): ShadowCounter {
  let counts = new Map<string, ShadowDay>();
  return {
    session(seen) {
      const found = enforceWouldFind(seen, parts.scope);
      if (found === undefined) return;
      const day = dayOf(seen.at);
      const key = `${seen.domain} ${day}`;
      const count = counts.get(key) ?? { domain: seen.domain, day, messages: 0, refused: 0, why: {} };
      if (!counts.has(key) && counts.size >= MOST_WAITING) return;
      counts.set(key, count);
      count.messages += 1;
      if (found.kind === "meets") return;
      count.refused += 1;
      const full = `${seen.host}: ${found.reason} (${found.resultType})`.slice(0, LONGEST_REASON);
      const reason = full in count.why || Object.keys(count.why).length < MOST_REASONS_WAITING ? full : "other";
      count.why[reason] = (count.why[reason] ?? 0) + 1;
    },
    async flush() {
      const writing = counts;
      counts = new Map();
      for (const [key, count] of writing) {
        try {
          await parts.store.add([count]);
          writing.delete(key);
        } catch (err) {
          for (const [key, left] of writing) counts.set(key, merged(counts.get(key), left));
          throw err;
        }
      }
    },
  };
}

function merged(a: ShadowDay | undefined, b: ShadowDay): ShadowDay {
  if (a === undefined) return b;
  const why = { ...a.why };
  for (const [reason, count] of Object.entries(b.why)) why[reason] = (why[reason] ?? 0) + count;
  return { ...a, messages: a.messages + b.messages, refused: a.refused + b.refused, why };
}
