/**
 * Keeps the book of incidents: takes in what was met, writes it down once a
 * second, and tells when one opens and when it is over.
 */
import type { SessionSeen } from "../delivery/session-seen.ts";
import type { PolicyEvent } from "../mta-sts/answer.ts";
import type { Incident, IncidentStore } from "../store/incidents.ts";
import type { TlsSites } from "../store/tls-sites.ts";
import { type Clearance, cleared, expired, raised, type Signal } from "./incident.ts";
import { newsOfPolicy } from "./policy-signals.ts";
import { newsOfCertificate } from "./session-signals.ts";
import { createTlsLossWatch, newsOfLoss, type TlsLossRule } from "./tls-loss.ts";

export type IncidentDesk = {
  policy(event: PolicyEvent): void;
  session(seen: SessionSeen): void;
  /** Writes down what was met; what could not be written is kept for the next time. */
  flush(): Promise<void>;
  /** By the clock, in one process: closes what is over by itself, and looks for a common loss of TLS. */
  sweep(): Promise<void>;
};

export type IncidentDeskParts = {
  store: IncidentStore;
  sites: TlsSites;
  now: () => number;
  certificateWarningMs: number;
  tlsLoss: TlsLossRule;
  onOpened: (incident: Incident) => void;
  onClosed: (incident: Incident) => void;
};

/** Signals and clearances that wait to be written: more tell nothing new. */
const MOST_WAITING = 10_000;
const MINUTE_MS = 60_000;

export function createIncidentDesk(parts: IncidentDeskParts): IncidentDesk {
  const { store, now } = parts;
  const waiting = createInbox();
  const tlsLoss = createTlsLossWatch(parts.sites);
  /** Hosts whose certificate is known to be near its end: only there a good one is news. */
  let watched = new Set<string>();
  let lookedAt = 0;
  const look = async (): Promise<Incident[]> => {
    const current = await store.current();
    lookedAt = now();
    watched = new Set(current.filter(({ cause }) => cause === "certificate-expiring").map(({ subject }) => subject));
    return current;
  };

  const raise = async (signal: Signal) => {
    let opens = false;
    const change = await store.change(signal.cause, signal.subject, (current) => {
      const decided = raised(current, signal);
      ({ opens } = decided);
      return decided;
    });
    if (opens && change.kind === "put") parts.onOpened(change.incident);
  };
  const close = (change: Awaited<ReturnType<IncidentStore["change"]>>) => {
    if (change.kind === "close" && change.incident.openedAt !== undefined) parts.onClosed(change.incident);
  };
  const clear = async (clearance: Clearance) =>
    close(await store.change(clearance.cause, clearance.subject, (current) => cleared(current, clearance)));

  const flush = async () => {
    for (let next = waiting.take(); next !== undefined; next = waiting.take()) {
      try {
        await ("because" in next ? clear(next) : raise(next));
      } catch (err) {
        waiting.putBack(next);
        throw err;
      }
    }
    await tlsLoss.flush(now());
    if (now() - lookedAt >= MINUTE_MS) await look();
  };

  return {
    policy(event) {
      const news = newsOfPolicy(event, now());
      for (const one of [...news.raise, ...news.clear]) waiting.add(one);
    },
    session(seen) {
      tlsLoss.session(seen);
      const news = newsOfCertificate(seen, parts.certificateWarningMs);
      if (news === undefined) return;
      if ("raise" in news) {
        watched.add(news.raise.subject);
        waiting.add(news.raise);
      } else if (watched.has(news.clear.subject)) waiting.add(news.clear);
    },
    flush,
    async sweep() {
      await flush();
      for (const { cause, subject } of await look()) {
        close(await store.change(cause, subject, (incident) => expired(incident, now())));
      }
      const lost = await parts.sites.lost(now() - parts.tlsLoss.withinMs, now());
      const loss = newsOfLoss(lost, parts.tlsLoss, now());
      if (loss !== undefined) await ("raise" in loss ? raise(loss.raise) : clear(loss.clear));
    },
  };
}

/** In order; signals of one incident that wait together become one that counts them. */
function createInbox() {
  const items = new Map<string, Signal | Clearance>();
  const keyOf = (item: Signal | Clearance) => `${item.cause} ${item.subject} ${"because" in item}`;
  return {
    add(item: Signal | Clearance): void {
      const before = items.get(keyOf(item));
      if (before === undefined && items.size >= MOST_WAITING) return;
      items.delete(keyOf(item));
      items.set(keyOf(item), joined(before, item));
    },
    take(): Signal | Clearance | undefined {
      for (const [key, item] of items) {
        items.delete(key);
        return item;
      }
      return undefined;
    },
    putBack(item: Signal | Clearance): void {
      const later = items.get(keyOf(item));
      items.set(keyOf(item), later === undefined ? item : joined(item, later));
    },
  };
}

function joined(before: Signal | Clearance | undefined, item: Signal | Clearance): Signal | Clearance {
  if (before === undefined || "because" in before || "because" in item) return item;
  const baseline = before.baseline ?? item.baseline;
  const count = (before.count ?? 1) + (item.count ?? 1);
  return { ...item, count, ...(baseline === undefined ? {} : { baseline }) };
}
