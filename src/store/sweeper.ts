/**
 * Finds bodies that no job will ever close: of a message whose adding failed
 * half-way and was never acknowledged, or whose job an operator took out by hand.
 */
import type { Domain } from "../dns/answer.ts";
import { closeIfNoJob, openDomains } from "./body.ts";
import type { StoreConnection } from "./connection.ts";
import { bodyKeyPattern, messageIdOf } from "./keys.ts";
import { guarded } from "./store-error.ts";

export type Orphan = { messageId: string; domain: Domain; since: number };

/**
 * Goes through all bodies once. Says which were waiting for a job that does not
 * exist; they wait for it no more, and a body that waits for none is deleted.
 * A body with a job is never touched, and neither is one younger than
 * `olderThanMs` (default: an hour): it may be on its way in.
 *
 * Rejects with a `StoreError` while Redis is away, with the signal's reason when aborted.
 */
export async function sweepOrphans(parts: {
  connection: StoreConnection;
  now: () => number;
  signal: AbortSignal;
  olderThanMs?: number;
}): Promise<Orphan[]> {
  const { connection, now, signal, olderThanMs = 60 * 60 * 1_000 } = parts;
  const { redis } = connection;
  const orphans: Orphan[] = [];
  let cursor = "0";
  do {
    signal.throwIfAborted();
    const [next, keys] = await guarded("list bodies", redis.scan(cursor, "MATCH", bodyKeyPattern, "COUNT", 200));
    for (const messageId of keys.map(messageIdOf)) {
      signal.throwIfAborted();
      for (const { domain, since } of await guarded("look at a body", openDomains(redis, messageId))) {
        // Where the time cannot be read the comparison is false: left alone.
        if (!(since <= now() - olderThanMs)) continue;
        if (await guarded("sweep a body", closeIfNoJob(redis, messageId, domain))) {
          orphans.push({ messageId, domain, since });
        }
      }
    }
    cursor = next;
  } while (cursor !== "0");
  return orphans;
}
