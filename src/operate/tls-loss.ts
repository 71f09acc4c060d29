/**
 * Watches whether mail hosts that have nothing to do with each other stop
 * offering STARTTLS at about the same time: then it is not they who changed.
 */
import type { SessionSeen } from "../delivery/session-seen.ts";
import { createBoundedMap } from "../mta-sts/bounded-map.ts";
import type { TlsSites } from "../store/tls-sites.ts";
import type { Clearance, Signal } from "./incident.ts";
import { siteOf, tlsOf } from "./session-signals.ts";

export type TlsLossRule = {
  /** So many sites … */
  sites: number;
  /** … within this time. */
  withinMs: number;
};

const CAUSE = { cause: "tls-lost", subject: "*" } as const;
const MOST_NAMED = 10;
const HOUR_MS = 3_600_000;

export function newsOfLoss(
  { recent, all }: { recent: string[]; all: number },
  rule: TlsLossRule,
  at: number,
): { raise: Signal } | { clear: Clearance } | undefined {
  if (recent.length >= rule.sites) {
    const named = recent.slice(0, MOST_NAMED).join(", ");
    const others = recent.length > MOST_NAMED ? ` and ${recent.length - MOST_NAMED} others` : "";
    const detail = `port 25 may be intercepted: mail hosts of ${named}${others} offered STARTTLS before and do not any more`;
    return { raise: { ...CAUSE, detail, at } };
  }
  // Not at the first site that comes back: the others may not have been asked again yet.
  if (all < rule.sites / 2) return { clear: { ...CAUSE, because: "most of the hosts offer STARTTLS again", at } };
  return undefined;
}

/** Collects in memory; `flush` writes down what is new. */
export function createTlsLossWatch(sites: TlsSites) {
  const taken = new Set<string>();
  const notOffered = new Set<string>();
  /** A site that takes TLS with each message is written down once an hour. */
  const writtenAt = createBoundedMap<number>(10_000);
  return {
    session(seen: SessionSeen): void {
      const tls = tlsOf(seen);
      const site = tls === undefined ? undefined : siteOf(seen.host);
      if (site === undefined) return;
      if (tls === "not-offered") {
        notOffered.add(site);
        taken.delete(site);
        writtenAt.delete(site);
      } else if (seen.at - (writtenAt.get(site) ?? -HOUR_MS) >= HOUR_MS) {
        taken.add(site);
        notOffered.delete(site);
        writtenAt.set(site, seen.at);
      }
    },
    async flush(at: number): Promise<void> {
      const seen = { taken: [...taken], notOffered: [...notOffered], at };
      await sites.note(seen);
      for (const site of seen.taken) taken.delete(site);
      for (const site of seen.notOffered) notOffered.delete(site);
    },
  };
}
