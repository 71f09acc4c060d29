/**
 * The latest result of each watched domain's check: a hash by domain, each
 * field JSON with its time in ISO 8601.
 */
import type { Domain } from "../dns/answer.ts";
import type { StoreConnection } from "./connection.ts";
import { checkResultsKey } from "./keys.ts";
import { guarded } from "./store-error.ts";

export type CheckResults<Result extends { checkedAt: number }> = {
  /** `undefined`: there is none, or none that can be read. */
  last(domain: Domain): Promise<Result | undefined>;
  keep(domain: Domain, result: Result): Promise<void>;
  forgetOthers(domains: Domain[]): Promise<void>;
};

/** All methods reject with a `StoreError` while Redis is away. */
export function createCheckResults<Result extends { checkedAt: number }>({
  redis,
}: Pick<StoreConnection, "redis">): CheckResults<Result> {
  return {
    async last(domain) {
      const text = await guarded("read the result of a check", redis.hget(checkResultsKey, domain));
      return text === null ? undefined : read<Result>(text);
    },
    async keep(domain, result) {
      const text = JSON.stringify({ ...result, checkedAt: new Date(result.checkedAt).toISOString() });
      await guarded("keep the result of a check", redis.hset(checkResultsKey, domain, text));
    },
    async forgetOthers(domains) {
      const kept = await guarded("list the results of checks", redis.hkeys(checkResultsKey));
      const others = kept.filter((domain) => !domains.includes(domain));
      if (others.length > 0) await guarded("forget results of checks", redis.hdel(checkResultsKey, ...others));
    },
  };
}

/** Nothing depends on it but what is called news. */
function read<Result extends { checkedAt: number }>(text: string): Result | undefined {
  try {
    const record = JSON.parse(text) as Result & { checkedAt: unknown };
    return { ...record, checkedAt: Date.parse(String(record.checkedAt)) };
  } catch {
    return undefined;
  }
}
