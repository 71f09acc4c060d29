/**
 * What `enforce` would have done with the mail of domains that do not enforce:
 * counts for each domain and day, bounded in both.
 */
import type { Domain } from "../dns/answer.ts";
import type { StoreConnection } from "./connection.ts";
import { shadowDomainsKey, shadowKey, shadowSummaryKey } from "./keys.ts";
import { createScript } from "./script.ts";
import { guarded } from "./store-error.ts";

/** One domain on one day. */
export type ShadowDay = {
  domain: Domain;
  /** UTC: `2026-11-22`. */
  day: string;
  /** Messages that were handed to a host. */
  messages: number;
  /** Those of them that `enforce` would have kept from that host. */
  refused: number;
  /** Host and reason, and for how many messages. At most 50; the rest is under `other`. */
  why: Record<string, number>;
};

export type ShadowStore = {
  add(counts: ShadowDay[]): Promise<void>;
  /** For these days, those that have mail; in no order. */
  read(days: string[], domain?: Domain): Promise<ShadowDay[]>;
  /** `true` for the first who asks. */
  claimSummary(day: string): Promise<boolean>;
};

const KEPT_SECONDS = 35 * 86_400;
const MOST_DOMAINS = 50_000;
const MOST_REASONS = 50;
const AT_A_TIME = 500;

/** All methods reject with a `StoreError` while Redis is away. */
export function createShadowStore({ redis }: StoreConnection): ShadowStore {
  const readDays = async (domains: Domain[], days: string[]): Promise<ShadowDay[]> => {
    const wanted = domains.flatMap((domain) => days.map((day) => ({ domain, day })));
    const found = await guarded(
      "read what was counted",
      Promise.all(wanted.map(({ domain, day }) => redis.hgetall(shadowKey(domain, day)))),
    );
    return found.flatMap((fields, i) => {
      const { domain, day } = wanted[i] ?? { domain: "", day: "" };
      return Object.keys(fields).length === 0 ? [] : [fromFields(domain, day, fields)];
    });
  };
  return {
    async add(counts) {
      for (const { domain, day, messages, refused, why } of counts) {
        const keys = [shadowKey(domain, day), shadowDomainsKey];
        const pairs = Object.entries(why).flatMap(([reason, count]) => [`why ${reason}`, count]);
        const args = [domain, Date.parse(day), messages, refused, ...pairs];
        await guarded("keep what was counted", addScript(redis, keys, args));
      }
    },
    async read(days, domain) {
      if (domain !== undefined) return readDays([domain], days);
      const since = Math.min(...days.map((day) => Date.parse(day)));
      const domains = await guarded("read what was counted", redis.zrange(shadowDomainsKey, since, "+inf", "BYSCORE"));
      const found: ShadowDay[] = [];
      for (let i = 0; i < domains.length; i += AT_A_TIME) {
        found.push(...(await readDays(domains.slice(i, i + AT_A_TIME), days)));
      }
      return found;
    },
    async claimSummary(day) {
      const set = redis.set(shadowSummaryKey(day), "given", "EX", 3 * 86_400, "NX");
      return (await guarded("claim the summary of a day", set)) !== null;
    },
  };
}

function fromFields(domain: Domain, day: string, fields: Record<string, string>): ShadowDay {
  const { messages = "0", refused = "0", ...others } = fields;
  const why = Object.entries(others).map(([name, count]): [string, number] => [
    name.slice("why ".length),
    Number(count),
  ]);
  return { domain, day, messages: Number(messages), refused: Number(refused), why: Object.fromEntries(why) };
}

const addScript = createScript(`
  local key, domains = KEYS[1], KEYS[2]
  if not redis.call("ZSCORE", domains, ARGV[1]) and redis.call("ZCARD", domains) >= ${MOST_DOMAINS} then
    redis.call("ZREMRANGEBYRANK", domains, 0, 0)
  end
  redis.call("ZADD", domains, "GT", ARGV[2], ARGV[1])
  redis.call("HINCRBY", key, "messages", ARGV[3])
  redis.call("HINCRBY", key, "refused", ARGV[4])
  for i = 5, #ARGV, 2 do
    local field = ARGV[i]
    if redis.call("HEXISTS", key, field) == 0 and redis.call("HLEN", key) >= ${MOST_REASONS + 2} then field = "why other" end
    redis.call("HINCRBY", key, field, ARGV[i + 1])
  end
  redis.call("EXPIRE", key, ${KEPT_SECONDS})
`);
