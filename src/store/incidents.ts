/**
 * Incidents: what an operator should see, one for each cause and subject, with
 * its first and last time and how often it was met. Kept for all processes.
 */
import type { StoreConnection } from "./connection.ts";
import { incidentsKey, pastIncidentsKey } from "./keys.ts";
import { createScript } from "./script.ts";
import { guarded, StoreError } from "./store-error.ts";

export type IncidentCause =
  /** A domain's policy protects less than before. */
  | "policy-weakened"
  /** A known policy could not be fetched anew for a long time. */
  | "refresh-failing"
  /** A policy is known, and its record is gone. */
  | "record-gone"
  /** The subject is the MX host. */
  | "certificate-expiring"
  /** Mail hosts that have nothing to do with each other stopped offering STARTTLS; the subject is `*`. */
  | "tls-lost";

export type Incident = {
  cause: IncidentCause;
  /** Whom it is about: a recipient domain, an MX host, or `*`. */
  subject: string;
  /** In plain words, as it was met last. */
  detail: string;
  firstAt: number;
  lastAt: number;
  count: number;
  /** Absent: not lasting long enough yet to be shown. */
  openedAt?: number;
  /** Over by itself then, unless it is met again. */
  endsAt?: number;
  closedAt?: number;
  /** Why it is over. */
  because?: string;
  /** What a later state is compared with, to tell whether the cause is gone. */
  baseline?: string;
};

/** What is to become of an incident. */
export type IncidentChange =
  | { kind: "none" }
  | { kind: "put"; incident: Incident }
  /** Into the past, if it ever was open. */
  | { kind: "close"; incident: Incident };

export type IncidentStore = {
  /**
   * Changes one as `decide` says; `undefined` stands for none. Gives what it
   * decided on what was there at that moment: another process that changes the
   * same meanwhile makes it decide again.
   */
  change(
    cause: IncidentCause,
    subject: string,
    decide: (current: Incident | undefined) => IncidentChange,
  ): Promise<IncidentChange>;
  /** All that are not over, also those that are not shown yet. */
  current(): Promise<Incident[]>;
  /** The newest first. */
  past(most?: number): Promise<Incident[]>;
};

const MOST_CURRENT = 10_000;
const MOST_PAST = 500;
const MOST_TRIES = 10;

/** All methods reject with a `StoreError` while Redis is away. */
export function createIncidentStore({ redis }: StoreConnection): IncidentStore {
  return {
    async change(cause, subject, decide) {
      const field = `${cause} ${subject}`;
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const before = await guarded("read an incident", redis.hget(incidentsKey, field));
        const change = decide(before === null ? undefined : read(before));
        if (change.kind === "none") return change;
        const text = JSON.stringify(write(change.incident));
        const past = change.kind === "close" && change.incident.openedAt !== undefined ? text : "";
        const after = change.kind === "close" ? "" : text;
        const done = script(redis, [incidentsKey, pastIncidentsKey], [field, before ?? "", after, past]);
        const outcome = await guarded("keep an incident", done);
        if (outcome === 1) return change;
        if (outcome === 2) return { kind: "none" };
      }
      throw new StoreError("unavailable", `the incident ${field} changes faster than it can be written`);
    },
    current: async () => {
      const texts = await guarded("read the incidents", redis.hvals(incidentsKey));
      return texts.flatMap((text) => read(text) ?? []);
    },
    past: async (most = MOST_PAST) => {
      const texts = await guarded("read past incidents", redis.lrange(pastIncidentsKey, 0, most - 1));
      return texts.flatMap((text) => read(text) ?? []);
    },
  };
}

// 0: it is not what it was; 2: there are so many that one more tells nothing.
const script = createScript(`
  local field, before, after, past = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
  if (redis.call("HGET", KEYS[1], field) or "") ~= before then return 0 end
  if before == "" and redis.call("HLEN", KEYS[1]) >= ${MOST_CURRENT} then return 2 end
  if after ~= "" then redis.call("HSET", KEYS[1], field, after) else redis.call("HDEL", KEYS[1], field) end
  if past ~= "" then
    redis.call("LPUSH", KEYS[2], past)
    redis.call("LTRIM", KEYS[2], 0, ${MOST_PAST - 1})
  end
  return 1
`);

const TIMES = ["firstAt", "lastAt", "openedAt", "endsAt", "closedAt"] as const;

/** As an operator reads it in Redis: times in ISO 8601. */
export function write(incident: Incident): Record<string, unknown> {
  const record: Record<string, unknown> = { ...incident };
  for (const name of TIMES) if (incident[name] !== undefined) record[name] = new Date(incident[name]).toISOString();
  return record;
}

/** `undefined` for what is no incident: it is begun anew. */
function read(text: string): Incident | undefined {
  try {
    const record = JSON.parse(text) as Record<string, unknown>;
    for (const name of TIMES) if (name in record) record[name] = Date.parse(String(record[name]));
    return record as Incident;
  } catch {
    return undefined;
  }
}
