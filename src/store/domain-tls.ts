/**
 * What protected the mail to each recipient domain, day by day, and what its mail
 * hosts showed last. Bounded in domains, days and hosts.
 */
import type { Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import type { StoreConnection } from "./connection.ts";
import { domainHostsKey, domainTlsKey, metDomainsKey } from "./keys.ts";
import { createScript } from "./script.ts";
import { guarded } from "./store-error.ts";

/** `refused`: the session was ended, with nothing of the message sent. The others were used. */
export const PROTECTIONS = ["verified", "encrypted", "clear", "refused"] as const;
export type Protection = (typeof PROTECTIONS)[number];
export type ProtectionCounts = Record<Protection, number>;

/** What one host at one address showed. */
export type HostSeen = {
  at: string;
  host: Domain;
  address: string;
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384`, or why there was none. */
  tls: string;
  protection: Protection;
  /** `meets`, or a result type of RFC 8460 section 4.3. */
  verdict: string;
  /** In plain words, where it falls short. */
  reason?: string;
  certificate?: { names: string[]; issuer: string; expiresAt?: string };
};

/** One domain since the last time of writing. */
export type DomainSeen = {
  domain: Domain;
  at: number;
  /** UTC: `2026-11-22`. */
  day: string;
  counts: ProtectionCounts;
  last: HostSeen;
  hosts: HostSeen[];
};

export type DomainTls = {
  domain: Domain;
  last?: HostSeen;
  /** By day. */
  days: Map<string, ProtectionCounts>;
};

export type DomainTlsStore = {
  add(seen: DomainSeen[]): Promise<void>;
  /** Domains to which there was a session in the last days, the latest first. */
  domains(): Promise<Domain[]>;
  read(domains: Domain[]): Promise<DomainTls[]>;
  hosts(domain: Domain): Promise<HostSeen[]>;
};

const MOST_DOMAINS = 50_000;
const MOST_HOSTS = 30;
const KEPT_DAYS = 14;
const DAY_MS = 86_400_000;
const AT_A_TIME = 500;

/** All methods reject with a `StoreError` while Redis is away. */
export function createDomainTlsStore({ redis }: Pick<StoreConnection, "redis">): DomainTlsStore {
  return {
    async add(seen) {
      for (let i = 0; i < seen.length; i += AT_A_TIME) {
        const slice = seen.slice(i, i + AT_A_TIME);
        await guarded("keep what hosts showed", Promise.all(slice.map((one) => addOne(redis, one))));
      }
    },
    domains: () => guarded("list the domains", redis.zrange(metDomainsKey, "0", "-1", "REV")),
    async read(domains) {
      const found: DomainTls[] = [];
      for (let i = 0; i < domains.length; i += AT_A_TIME) {
        const slice = domains.slice(i, i + AT_A_TIME);
        const pipeline = redis.pipeline();
        for (const domain of slice) pipeline.hgetall(domainTlsKey(domain));
        const replies = (await guarded("read what hosts showed", pipeline.exec())) ?? [];
        for (const [index, [, fields]] of replies.entries()) {
          found.push(readFields(slice[index] ?? "", (fields ?? {}) as Record<string, string>));
        }
      }
      return found;
    },
    hosts: async (domain) => {
      const texts = await guarded("read what hosts showed", redis.hvals(domainHostsKey(domain)));
      return texts.flatMap((text) => readHost(text) ?? []).sort((a, b) => (a.at > b.at ? -1 : 1));
    },
  };
}

function addOne(redis: Redis, { domain, at, day, counts, last, hosts }: DomainSeen): Promise<unknown> {
  const oldest = new Date(at - (KEPT_DAYS - 1) * DAY_MS).toISOString().slice(0, 10);
  const numbers = PROTECTIONS.flatMap((name) => [`${day} ${name}`, counts[name]]);
  const pairs = hosts.flatMap((host) => [`${host.host} ${host.address}`, JSON.stringify(host)]);
  const args = [domain, at, KEPT_DAYS * (DAY_MS / 1_000), oldest, JSON.stringify(last), ...numbers, ...pairs];
  return addScript(redis, [metDomainsKey, domainTlsKey(domain), domainHostsKey(domain)], args);
}

function readFields(domain: Domain, { last: text, ...fields }: Record<string, string>): DomainTls {
  const days: DomainTls["days"] = new Map();
  for (const [field, value] of Object.entries(fields)) {
    const [day = "", name = ""] = field.split(" ");
    const protection = PROTECTIONS.find((each) => each === name);
    if (protection === undefined) continue;
    const counts = days.get(day) ?? { verified: 0, encrypted: 0, clear: 0, refused: 0 };
    counts[protection] = Number(value);
    days.set(day, counts);
  }
  const last = text === undefined ? undefined : readHost(text);
  return { domain, days, ...(last === undefined ? {} : { last }) };
}

/** Nothing depends on it but what is shown. */
function readHost(text: string): HostSeen | undefined {
  try {
    return JSON.parse(text) as HostSeen;
  } catch {
    return undefined;
  }
}

const addScript = createScript(`
  local met, counts, hosts = KEYS[1], KEYS[2], KEYS[3]
  local kept, oldest = ARGV[3], ARGV[4]
  redis.call("ZADD", met, "GT", ARGV[2], ARGV[1])
  redis.call("ZREMRANGEBYSCORE", met, "-inf", ARGV[2] - kept * 1000)
  redis.call("ZREMRANGEBYRANK", met, 0, -${MOST_DOMAINS + 1})
  redis.call("HSET", counts, "last", ARGV[5])
  for i = 6, 12, 2 do
    if ARGV[i + 1] ~= "0" then redis.call("HINCRBY", counts, ARGV[i], ARGV[i + 1]) end
  end
  if redis.call("HLEN", counts) > ${KEPT_DAYS * PROTECTIONS.length} then
    for _, field in ipairs(redis.call("HKEYS", counts)) do
      if field ~= "last" and string.sub(field, 1, 10) < oldest then redis.call("HDEL", counts, field) end
    end
  end
  redis.call("EXPIRE", counts, kept)
  for i = 14, #ARGV, 2 do
    if redis.call("HEXISTS", hosts, ARGV[i]) == 0 and redis.call("HLEN", hosts) >= ${MOST_HOSTS} then
      local first, firstAt
      local all = redis.call("HGETALL", hosts)
      for j = 1, #all, 2 do
        local at = cjson.decode(all[j + 1]).at
        if not firstAt or at < firstAt then first, firstAt = all[j], at end
      end
      redis.call("HDEL", hosts, first)
    end
    redis.call("HSET", hosts, ARGV[i], ARGV[i + 1])
  end
  redis.call("EXPIRE", hosts, kept)
`);
