/**
 * The policies as an operator looks at them, and has one forgotten.
 */
import type { Domain } from "../dns/answer.ts";
import type { KnownFailure, KnownPolicy } from "../mta-sts/answer.ts";
import type { StoreConnection } from "./connection.ts";
import {
  policyCheckedKey,
  policyFailureKey,
  policyHistoryKey,
  policyKey,
  policyRefreshKey,
  rulesChannel,
  rulesVersionKey,
} from "./keys.ts";
import { noteAction } from "./operator-actions.ts";
import { readFailure, readPolicy, writePolicy } from "./policy-record.ts";
import { guarded, storeError } from "./store-error.ts";

/** A policy in the store with what surrounds it. */
export type PolicyRecord = {
  domain: Domain;
  /** `unreadable`: there is a record that makes no sense. */
  known: KnownPolicy | "unreadable" | undefined;
  failure?: KnownFailure;
  /** When it is fetched anew; absent for one that is not kept fresh. */
  refreshAt?: number;
  /** When its record was last compared with it, to within five minutes. */
  checkedAt?: number;
};

export type PolicyAdmin = {
  /** In groups, in no order: there may be tens of thousands. */
  list(): AsyncIterable<PolicyRecord[]>;
  show(domain: Domain): Promise<PolicyRecord & { history: KnownPolicy[] }>;
  /**
   * Takes a policy out of force, for all processes; `false` when there is none.
   * What is left is an expired one: it takes the place of what processes
   * remember, and what comes after is compared with it.
   */
  forget(domain: Domain, by: string, now: number): Promise<boolean>;
  /** These domains' records were compared with the policy in use. */
  noteChecked(checked: Iterable<[Domain, number]>): Promise<void>;
};

const AT_A_TIME = 500;
const KEPT_MS = 30 * 24 * 60 * 60 * 1_000;
const MOST_CHECKED = 100_000;

/** All methods reject with a `StoreError` while Redis is away. */
export function createPolicyAdmin({ redis }: StoreConnection): PolicyAdmin {
  const read = async (domains: Domain[]): Promise<PolicyRecord[]> => {
    if (domains.length === 0) return [];
    const [policies, failures, refreshes, checks] = await guarded(
      "read the policies",
      Promise.all([
        redis.mget(domains.map(policyKey)),
        redis.mget(domains.map(policyFailureKey)),
        redis.zmscore(policyRefreshKey, ...domains),
        redis.zmscore(policyCheckedKey, ...domains),
      ]),
    );
    return domains.map((domain, i) => {
      const failure = readable(failures[i], readFailure);
      const [refreshAt, checkedAt] = [refreshes[i], checks[i]];
      return {
        domain,
        known: readable(policies[i], readPolicy),
        ...(failure === undefined || failure === "unreadable" ? {} : { failure }),
        ...(typeof refreshAt === "string" ? { refreshAt: Number(refreshAt) } : {}),
        ...(typeof checkedAt === "string" ? { checkedAt: Number(checkedAt) } : {}),
      };
    });
  };
  return {
    async *list() {
      const domains = await guarded("list the policies", redis.zrange(policyRefreshKey, "0", "-1"));
      for (let i = 0; i < domains.length; i += AT_A_TIME) yield read(domains.slice(i, i + AT_A_TIME));
    },
    async show(domain) {
      const [[record], texts] = await Promise.all([
        read([domain]),
        guarded("read the history", redis.lrange(policyHistoryKey(domain), 0, -1)),
      ]);
      const history = texts.map((text) => readable(text, readPolicy)).filter((one) => one !== "unreadable");
      return { domain, known: undefined, ...record, history: history.filter((one) => one !== undefined) };
    },
    async forget(domain, by, now) {
      const text = await guarded("read a policy", redis.get(policyKey(domain)));
      if (text === null) return false;
      const known = readable(text, readPolicy);
      const multi = redis.multi().zrem(policyRefreshKey, domain).del(policyFailureKey(domain));
      if (known === undefined || known === "unreadable") multi.del(policyKey(domain));
      // Newer than what any process remembers, and over: each of them takes it over and fetches anew.
      else multi.set(policyKey(domain), writePolicy({ ...known, fetchedAt: now, expiresAt: now }), "PX", KEPT_MS);
      noteAction(multi, { kind: "policy-forgotten", at: new Date(now).toISOString(), domain, by });
      multi.incr(rulesVersionKey).publish(rulesChannel, domain);
      for (const [err] of (await guarded("forget a policy", multi.exec())) ?? []) {
        if (err !== null) throw storeError("forget a policy", err);
      }
      return true;
    },
    async noteChecked(checked) {
      const pairs = [...checked].flatMap(([domain, at]) => [at, domain]);
      if (pairs.length === 0) return;
      const multi = redis
        .multi()
        .zadd(policyCheckedKey, ...pairs)
        .zremrangebyrank(policyCheckedKey, 0, -MOST_CHECKED - 1);
      await guarded("keep when records were looked at", multi.exec());
    },
  };
}

function readable<T>(text: string | null | undefined, read: (text: string) => T): T | "unreadable" | undefined {
  if (text === null || text === undefined) return undefined;
  try {
    return read(text);
  } catch {
    return "unreadable";
  }
}
