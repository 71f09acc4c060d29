/**
 * The relay's resolver: a stub that asks recursive servers and remembers what
 * they say. RFC 1034 section 5.3.1, RFC 2308 (negative answers).
 */
import type { Answer } from "dns-packet";
import { joinFamilies } from "./address-answer.ts";
import { createAnswerCache } from "./answer-cache.ts";
import type { AskOptions, DnsAnswer, Domain, Resolver } from "./answer.ts";
import { ask } from "./ask.ts";
import { createServerChoice } from "./forward-zones.ts";
import { createJoin } from "./joined.ts";
import type { Question } from "./message.ts";
import { toQueryName } from "./name.ts";
import { readAddress, readMx, readTxt, withRecords } from "./records.ts";

export type ResolverOptions = {
  /** `host:port`, `[v6]:port` or an IP address (port 53), asked in this order. At least one. */
  servers: string[];
  /** Names at or below a key are asked of these servers only. The longest key wins. */
  zones?: Record<Domain, string[]>;
  /** How long one server has for one reply, UDP and TCP together. Default 2000. */
  timeoutMs?: number;
  /** Rounds over the servers. Default 2. */
  tries?: number;
  /** How many answers are remembered. Default 10,000. */
  cacheEntries?: number;
  now?: () => number;
};

/**
 * Throws a `TypeError` for servers or zones that cannot be read.
 *
 * A name that the DNS cannot hold as a host name (a label over 63 bytes, an IP
 * address, other characters) is `absent`, not `unknown`: no server is asked, and
 * asking again would not help.
 *
 * `authentic` is the AD bit, of every reply on the way. It is worth what the path
 * to the server is worth: on an open network anybody on it can set the bit, so
 * trust it only from a validating resolver on this machine or behind a secure
 * channel. RFC 6840 section 5.7, RFC 4035 section 4.9.3.
 */
export function createResolver(options: ResolverOptions): Resolver {
  const { servers, zones = {}, timeoutMs = 2000, tries = 2, cacheEntries = 10_000, now = Date.now } = options;
  const settings = { serversFor: createServerChoice(servers, zones), timeoutMs, tries };
  // Of each type its own records: the key says which.
  const cache = createAnswerCache<unknown>({ entries: cacheEntries, now });
  const join = createJoin<DnsAnswer<unknown>>();

  const resolve = async <T>(
    type: Question["type"],
    read: (record: Answer) => T[],
    text: Domain,
    { fresh, signal }: AskOptions = {},
  ): Promise<DnsAnswer<T>> => {
    if (signal?.aborted) return ABORTED;
    const name = toQueryName(text);
    if (name === undefined) return NO_SUCH_NAME;
    const key = `${type} ${name}`;
    const remembered = fresh ? undefined : cache.get(key);
    if (remembered !== undefined) return remembered as DnsAnswer<T>;
    // Also a fresh question joins one under way: that one is asking the servers, not the cache.
    const asked = async (stop: AbortSignal) => {
      const answer = withRecords(await ask({ name, type }, settings, stop), read);
      cache.put(key, answer);
      return answer;
    };
    return ((await join(key, asked, signal)) as DnsAnswer<T> | undefined) ?? ABORTED;
  };

  return {
    txt: (name, options) => resolve("TXT", readTxt, name, options),
    mx: (name, options) => resolve("MX", readMx, name, options),
    addresses: async (name, options) => {
      const families = [resolve("A", readAddress, name, options), resolve("AAAA", readAddress, name, options)] as const;
      return joinFamilies(...(await Promise.all(families)));
    },
  };
}

const ABORTED: DnsAnswer<never> = { kind: "unknown", why: "aborted", detail: "given up by the caller" };

const NO_SUCH_NAME: DnsAnswer<never> = { kind: "absent", status: "nxdomain", ttlSeconds: 0, authentic: false };
