/**
 * Policies for all workers, over restarts. RFC 8461 section 3.3: a policy is
 * kept at least as long as it is valid; here longer, so that an operator can
 * see what was.
 */
import { randomUUID } from "node:crypto";
import type { Domain } from "../dns/answer.ts";
import type { KnownPolicy, PolicyStore } from "../mta-sts/answer.ts";
import type { StoreConnection } from "./connection.ts";
import { policyFailureKey, policyHistoryKey, policyKey, policyLockKey, policyRefreshKey } from "./keys.ts";
import { readFailure, readPolicy, writeFailure, writePolicy } from "./policy-record.ts";
import { guarded, StoreError, storeError } from "./store-error.ts";

const keptAfterExpiryMs = 30 * 24 * 60 * 60 * 1_000;
const historyLength = 20;

const REMEMBERED_AFTER_PAUSE_MS = 60 * 60_000;

export type PolicyHistory = {
  /** The policies a domain has had, newest first, at most 20: one entry for each change of text or record id. */
  history(domain: Domain): Promise<KnownPolicy[]>;
};

/** All methods reject with a `StoreError` while Redis is away. */
export function createPolicyStore(connection: StoreConnection): PolicyStore & PolicyHistory {
  const { redis } = connection;

  const get = async (domain: Domain): Promise<KnownPolicy | undefined> => {
    const text = await guarded("read a policy", redis.get(policyKey(domain)));
    return text === null ? undefined : readable(policyKey(domain), text, readPolicy);
  };

  return {
    get,
    put: async (known, refreshAt) => {
      const { domain } = known;
      const text = writePolicy(known);
      const keptUntil = known.expiresAt + keptAfterExpiryMs;
      // An unreadable record is replaced like any other.
      const before = await get(domain).catch((err: unknown) => (isUnreadable(err) ? undefined : Promise.reject(err)));
      const multi = redis
        .multi()
        .set(policyKey(domain), text, "PXAT", keptUntil)
        .zadd(policyRefreshKey, refreshAt, domain)
        .del(policyFailureKey(domain));
      if (before === undefined || before.id !== known.id || before.text !== known.text) {
        multi.lpush(policyHistoryKey(domain), text).ltrim(policyHistoryKey(domain), 0, historyLength - 1);
      }
      multi.pexpireat(policyHistoryKey(domain), keptUntil);
      for (const [err] of (await guarded("keep a policy", multi.exec())) ?? []) {
        if (err !== null) throw storeError("keep a policy", err);
      }
    },
    failure: async (domain) => {
      const text = await guarded("read a failure", redis.get(policyFailureKey(domain)));
      return text === null ? undefined : readable(policyFailureKey(domain), text, readFailure);
    },
    putFailure: async (domain, failure) => {
      const key = policyFailureKey(domain);
      // Beyond its pause, so that the next one can be longer. Whoever reads it looks at `retryAt`.
      const until = failure.retryAt + REMEMBERED_AFTER_PAUSE_MS;
      await guarded("keep a failure", redis.set(key, writeFailure(failure), "PXAT", until));
    },
    lockFetch: async (domain, ttlMs) => {
      const token = randomUUID();
      const taken = await guarded("lock a policy", redis.set(policyLockKey(domain), token, "PX", ttlMs, "NX"));
      if (taken === null) return undefined;
      return {
        // Where this fails the lock ends by itself; the fetch was made all the same.
        release: () => redis.eval(releaseScript, 1, policyLockKey(domain), token).then(noop, noop),
      };
    },
    takeDue: async (now, retryAt, most) => {
      const due = redis.eval(takeDueScript, 1, policyRefreshKey, now, retryAt, most, policyKey(""));
      return (await guarded("find the policies to refresh", due)) as Domain[];
    },
    history: async (domain) => {
      const texts = await guarded("read the history", redis.lrange(policyHistoryKey(domain), 0, -1));
      return texts.map((text) => readable(policyHistoryKey(domain), text, readPolicy));
    },
  };
}

// Only by who holds it: the lock may have ended meanwhile and be another's.
const releaseScript = `
  if redis.call("GET", KEYS[1]) == ARGV[1] then redis.call("DEL", KEYS[1]) end
`;

// A domain whose policy is gone, long after its expiry, needs no refresh.
const takeDueScript = `
  local taken = {}
  for _, domain in ipairs(redis.call("ZRANGE", KEYS[1], "-inf", ARGV[1], "BYSCORE", "LIMIT", 0, ARGV[3])) do
    if redis.call("EXISTS", ARGV[4] .. domain) == 1 then
      redis.call("ZADD", KEYS[1], ARGV[2], domain)
      table.insert(taken, domain)
    else
      redis.call("ZREM", KEYS[1], domain)
    end
  end
  return taken
`;

class UnreadableRecord extends StoreError {
  override name = "UnreadableRecord";
}

const isUnreadable = (err: unknown): boolean => err instanceof UnreadableRecord;

function readable<T>(key: string, text: string, read: (text: string) => T): T {
  try {
    return read(text);
  } catch (err) {
    throw new UnreadableRecord("unavailable", `the record ${key} cannot be read: delete it to have it made anew`, err);
  }
}

function noop(): void {}
