/**
 * Keeps known policies fresh, mail or no mail, so that none runs out while
 * somebody stands in the way of fetching it. RFC 8461 sections 3.3 and 10.2.
 */
import type { Domain, Resolver } from "../dns/answer.ts";
import { toDomain } from "../dns/name.ts";
import type { KnownPolicy, PolicyEvent, PolicyStore } from "./answer.ts";
import type { RecordAnswer } from "./decision.ts";
import { isInForce, refreshRetryAt } from "./freshness.ts";
import type { PolicyMemory } from "./policy-memory.ts";
import type { Renewal, Wanted } from "./policy-renewal.ts";
import { askRecord } from "./record-question.ts";
import { untilAborted } from "./until-aborted.ts";

export type PolicyRefreshParts = {
  dns: Resolver;
  store: PolicyStore;
  memory: PolicyMemory;
  renew: (wanted: Wanted) => Promise<Renewal>;
  now: () => number;
  report: (event: PolicyEvent) => void;
  /** Refreshes at a time. */
  concurrency: number;
};

/** Fetches a policy anew, whatever the record id says. When that fails, what is cached stays, and an event tells. */
export async function refreshPolicy(parts: PolicyRefreshParts, asked: Domain, signal?: AbortSignal): Promise<void> {
  const { dns, memory, renew, now, report } = parts;
  const domain = toDomain(asked);
  if (domain === undefined) return;
  const [recalled, record] = await Promise.all([
    memory.recall(domain),
    askRecord(dns, domain, { fresh: true, ...(signal && { signal }) }),
  ]);
  if (recalled.kind === "unavailable") return;
  const { known } = recalled;
  const cached = known !== undefined && isInForce(known, now()) ? known : undefined;
  const id = idToFetch(record, cached);
  if (id === undefined) {
    if (cached === undefined) return;
    const gone = record.kind === "absent" ? ({ recordGone: true } as const) : {};
    report({ kind: "refresh-failed", domain, detail: whyNoRecord(record), cached, ...gone });
    return;
  }
  const failure = await memory.failure(domain);
  await untilAborted(renew({ domain, id, known, failure, occasion: "refresh" }), signal);
}

const DUE_AT_A_TIME = 100;

/**
 * Refreshes the policies in force whose time has come; gives the number of
 * domains that were looked at. Rejects when the store is away.
 */
export async function refreshDuePolicies(parts: PolicyRefreshParts, signal?: AbortSignal): Promise<number> {
  const { store, now, concurrency } = parts;
  const startedAt = now();
  for (let looked = 0; ;) {
    signal?.throwIfAborted();
    // Each is due again at a later time now, so this comes to an end.
    const due = await store.takeDue(startedAt, refreshRetryAt(startedAt), DUE_AT_A_TIME);
    if (due.length === 0) return looked;
    await forEach(due, concurrency, (domain) => refreshIfInForce(parts, domain, signal));
    looked += due.length;
  }
}

// One that has expired is fetched when mail asks for it again: a domain that
// went away is not asked for ever.
async function refreshIfInForce(parts: PolicyRefreshParts, domain: Domain, signal?: AbortSignal): Promise<void> {
  const recalled = await parts.memory.recall(domain);
  if (recalled.kind !== "recalled" || recalled.known === undefined) return;
  if (isInForce(recalled.known, parts.now())) await refreshPolicy(parts, domain, signal);
}

/**
 * A refresh goes on without an answer from the DNS, under the id it had: what
 * proves the policy is HTTPS. But where the DNS says that there is no usable
 * record, there is no policy to be fetched. RFC 8461 section 3.1.
 */
function idToFetch(record: RecordAnswer, cached: KnownPolicy | undefined): string | undefined {
  if (record.kind === "record") return record.id;
  return record.kind === "unknown" ? cached?.id : undefined;
}

const whyNoRecord = (record: RecordAnswer) => ("detail" in record ? record.detail : "its MTA-STS record is gone");

/** Works on `most` items at a time, on all of them, and only then throws what one of them threw. */
async function forEach<T>(items: T[], most: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  const ends = await Promise.allSettled(Array.from({ length: most }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
