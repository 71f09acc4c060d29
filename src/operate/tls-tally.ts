/**
 * Counts what protected the mail to each domain, and keeps what its hosts showed
 * last: collected in memory by the deliveries, written down beside them.
 */
import type { SessionSeen } from "../delivery/session-seen.ts";
import type { Domain } from "../dns/answer.ts";
import type { DomainSeen, DomainTlsStore, HostSeen, Protection } from "../store/domain-tls.ts";
import { type HandshakeFacts, judge } from "../tls/verdict.ts";
import { dayOf } from "./shadow.ts";

/** What the session was worth, whatever was asked of it. */
export function protectionOf({ requirement, facts, shortfall, at }: SessionSeen): Protection {
  const binds = requirement.tls !== "optional" && !requirement.reportOnly;
  if (binds && shortfall !== undefined) return "refused";
  if (!facts.secured) return "clear";
  return judge({ tls: "verified" }, facts, at).kind === "meets" ? "verified" : "encrypted";
}

export type TlsTally = {
  session(seen: SessionSeen): void;
  /** Writes down what was counted. What cannot be written is lost: it is a picture, not a book. */
  flush(): Promise<void>;
};

/** Between two times of writing; beyond, the rest is left out. */
const MOST_DOMAINS = 10_000;
const MOST_HOSTS = 12;
const LONGEST_REASON = 300;

type Entry = Omit<DomainSeen, "hosts" | "last"> & { last: SessionSeen; hosts: Map<string, SessionSeen> };

export function createTlsTally(parts: { store: Pick<DomainTlsStore, "add"> }): TlsTally {
  let counted = new Map<Domain, Entry>();
  return {
    session(seen) {
      const { domain, at } = seen;
      const day = dayOf(at);
      let entry = counted.get(domain);
      if (entry === undefined || entry.day !== day) {
        if (counted.size >= MOST_DOMAINS) return;
        entry = { domain, at, day, counts: noCounts(), last: seen, hosts: new Map() };
        counted.set(domain, entry);
      }
      entry.at = at;
      entry.last = seen;
      entry.counts[protectionOf(seen)] += 1;
      const place = `${seen.host} ${seen.address}`;
      if (entry.hosts.has(place) || entry.hosts.size < MOST_HOSTS) entry.hosts.set(place, seen);
    },
    async flush() {
      if (counted.size === 0) return;
      const writing = counted;
      counted = new Map();
      await parts.store.add([...writing.values()].map(written));
    },
  };
}

const noCounts = () => ({ verified: 0, encrypted: 0, clear: 0, refused: 0 });

const written = ({ hosts, last, ...entry }: Entry): DomainSeen => ({
  ...entry,
  last: hostSeen(last),
  hosts: [...hosts.values()].map(hostSeen),
});

function hostSeen(seen: SessionSeen): HostSeen {
  const { host, address, facts, shortfall, at } = seen;
  const certificate = facts.secured ? certificateOf(facts) : undefined;
  return {
    at: new Date(at).toISOString(),
    host,
    address,
    tls: facts.secured ? `${facts.protocol} ${facts.cipher}` : facts.detail.slice(0, LONGEST_REASON),
    protection: protectionOf(seen),
    verdict: shortfall?.resultType ?? "meets",
    ...(shortfall === undefined ? {} : { reason: shortfall.reason.slice(0, LONGEST_REASON) }),
    ...(certificate === undefined ? {} : { certificate }),
  };
}

function certificateOf({ certificate }: HandshakeFacts & { secured: true }): HostSeen["certificate"] {
  if (certificate === undefined) return undefined;
  const { names, issuer, expiresAt } = certificate;
  return { names, issuer, ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() }) };
}
