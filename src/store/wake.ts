/**
 * Makes mail that waits for its next attempt due now: what it waited for may
 * have changed.
 */
import type { Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import { deliveryJobId } from "./keys.ts";
import { delayedKey, makeDueLua, markerKey } from "./queue-layout.ts";
import { createScript } from "./script.ts";
import { guarded } from "./store-error.ts";

const AT_A_TIME = 1_000;

/**
 * All jobs of these domains that are put off; gives how many. Those that a
 * worker has in hand are left alone. Rejects with a `StoreError` while Redis is
 * away, with the signal's reason when aborted: then some may be due already.
 */
export async function wakeDomains(
  redis: Redis,
  domains: Iterable<Domain>,
  options: { now: number; signal?: AbortSignal },
): Promise<number> {
  // The id of a job ends in its domain.
  const endings = [...new Set(domains)].map((domain) => deliveryJobId("", domain));
  if (endings.length === 0) return 0;
  let woken = 0;
  for await (const ids of delayedJobs(redis, endings)) {
    options.signal?.throwIfAborted();
    const due = await guarded("make mail due", makeDueScript(redis, [delayedKey, markerKey], [options.now, ...ids]));
    woken += Number(due);
  }
  return woken;
}

/** In groups. A job that is put off meanwhile may be missed, none is that was there before. */
async function* delayedJobs(redis: Redis, endings: string[]): AsyncGenerator<string[]> {
  const [only = "", ...others] = endings;
  // With one ending Redis picks them out itself: no hundred thousand ids go over the wire.
  const pattern = others.length === 0 ? `*${withoutGlob(only)}` : "*";
  const wanted = new Set(endings);
  let cursor = "0";
  do {
    const scan = redis.zscan(delayedKey, cursor, "MATCH", pattern, "COUNT", AT_A_TIME);
    const [next, members] = await guarded("look for waiting mail", scan);
    const ids = members.filter((id, i) => i % 2 === 0 && wanted.has(id.slice(id.indexOf("/"))));
    if (ids.length > 0) yield ids;
    cursor = next;
  } while (cursor !== "0");
}

/** In a pattern brackets are a choice of characters; an address literal has them. */
const withoutGlob = (text: string) => text.replaceAll(/[[\]*?\\]/g, "?");

// A worker may have taken it since it was found; one that is due already keeps its place.
const makeDueScript = createScript(`
  ${makeDueLua}
  local now = tonumber(ARGV[1])
  local count = 0
  for i = 2, #ARGV do
    local score = redis.call("ZSCORE", KEYS[1], ARGV[i])
    if score and tonumber(score) > now * 0x1000 then
      makeDue(KEYS[1], KEYS[2], ARGV[i], now)
      count = count + 1
    end
  end
  return count
`);
