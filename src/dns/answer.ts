/**
 * What the DNS said, as a value. "There is none" and "could not ask" are
 * different answers all the way up: only the first says something about the
 * domain. RFC 1035, RFC 2308 (negative answers), RFC 4035 (the AD bit).
 */

/** A domain name in lower case, as A-labels, without a trailing dot. */
export type Domain = string;

export type DnsAnswer<T> =
  /** `records` holds at least one. `name` is where they were found, at the end of any CNAME chain. */
  | { kind: "found"; records: T[]; name: Domain; ttlSeconds: number; authentic: boolean }
  /** The name, or a record of this type at it, does not exist: NXDOMAIN or NODATA. */
  | { kind: "absent"; status: "nxdomain" | "nodata"; ttlSeconds: number; authentic: boolean }
  /** Could not find out. Says nothing about the domain. */
  | { kind: "unknown"; why: DnsFailure; detail: string };

export type DnsFailure =
  | "timeout"
  | "servfail"
  | "refused"
  | "malformed"
  | "unreachable"
  | "cname-loop"
  | "bad-name"
  | "aborted";

export type MxRecord = {
  preference: number;
  /** `""` is the root: the null MX of RFC 7505. */
  exchange: Domain;
};

export type Address = { address: string; family: 4 | 6 };

export type AskOptions = {
  /** Ask the servers even if the cache holds an answer (the new answer is cached). Default: no. */
  fresh?: boolean;
  signal?: AbortSignal;
};

/** Asks the DNS. Never throws for what the DNS or the network does. */
export type Resolver = {
  /** Each record's character-strings joined with nothing between them (RFC 8461 section 3.1), bytes as latin1. */
  txt(name: Domain, options?: AskOptions): Promise<DnsAnswer<string>>;
  mx(name: Domain, options?: AskOptions): Promise<DnsAnswer<MxRecord>>;
  /**
   * A and AAAA. `found` when either gave an address and `absent` only when both
   * are absent: one family unknown and the other absent is `unknown`.
   */
  addresses(name: Domain, options?: AskOptions): Promise<DnsAnswer<Address>>;
};
