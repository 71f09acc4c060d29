/**
 * What is known of a domain's MTA-STS policy at the moment a message needs it.
 * RFC 8461 sections 3 and 5.
 */
import type { Domain } from "../dns/answer.ts";

export type PolicyMode = "enforce" | "testing" | "none";

/** A policy file, read. RFC 8461 section 3.2. */
export type Policy = {
  mode: PolicyMode;
  /** Permitted hosts. `*.example.com` stands for exactly one label. Empty only in mode `none`. */
  mx: Domain[];
  /** How long after fetching the policy may be used, in seconds: 0 to 31,557,600. */
  maxAgeSeconds: number;
};

/** A policy with its life: what the store keeps for a domain. */
export type KnownPolicy = {
  domain: Domain;
  /** The `id` of the TXT record it was fetched under. */
  id: string;
  policy: Policy;
  /** The body as fetched. */
  text: string;
  fetchedAt: number;
  /** `fetchedAt` + max_age: hard, nothing but a successful fetch moves it. */
  expiresAt: number;
};

export type NoPolicyReason =
  /** No usable `_mta-sts` record: the domain does not take part. */
  | "no-record"
  /** Records are there, but not exactly one that is well-formed. RFC 8461 section 3.1. */
  | "bad-record"
  /** A record, but no policy could be had and none is known. RFC 8461 section 3.3: mail goes on without one. */
  | "fetch-failed"
  /** An address literal, or no host name at all: there is no policy domain. RFC 8461 section 3.4. */
  | "not-a-domain";

/** How the policy in use compares with what the DNS announces at this moment. RFC 8461 section 5.1. */
export type RecordCheck =
  /** The record has the id it was fetched under: there is no newer one. */
  | "same"
  /** It was fetched just now. */
  | "fetched"
  /** The DNS has no usable record (any more). */
  | "unavailable"
  /** The DNS could not be asked: whether a newer policy exists is not known. */
  | "could-not-ask"
  /** A newer one is announced and could not be had. */
  | "changed-fetch-failed";

export type PolicyAnswer =
  /** Mode `none` arrives here too: a policy that asks for nothing. */
  | {
      kind: "policy";
      known: KnownPolicy;
      recordChecked: RecordCheck;
      /** Why the newer policy could not be had. Present exactly with `changed-fetch-failed`. */
      failure?: FetchFailure;
    }
  /** `failure` is present exactly with `fetch-failed`. */
  | { kind: "none"; because: NoPolicyReason; detail: string; failure?: FetchFailure }
  /** Could not find out, and nothing is known: not "there is none". */
  | { kind: "unknown"; why: "dns" | "store"; detail: string };

/** Why a fetch gave no policy, in the words of RFC 8460 section 4.3.2. */
export type FetchFailure = {
  resultType: "sts-policy-fetch-error" | "sts-policy-invalid" | "sts-webpki-invalid";
  /** In plain words, for the log and the report. Never an exception's text. */
  detail: string;
  /** For who says what to do about it. Absent where the fetch itself is not to blame. */
  cause?: FetchCause;
};

/** What stood in the way of a fetch, by what mends it. */
export type FetchCause =
  | "no-address"
  | "address-refused"
  /** No connection, or no whole answer in time. */
  | "unreachable"
  | "tls"
  | "certificate-name"
  | "certificate-expired"
  | "certificate-untrusted"
  | "redirect"
  | "status"
  | "media-type"
  /** HTTP that is not as it must be. */
  | "answer"
  /** The file itself. */
  | "policy";

/** Keeps policies for all workers. Every method may reject when the store is away. */
export type PolicyStore = {
  /** The policy, expired or not; `undefined` when there never was one (or long ago). */
  get(domain: Domain): Promise<KnownPolicy | undefined>;
  /** Puts a newly fetched policy in the place of any other, with the time of its next refresh, and forgets the domain's failure. */
  put(known: KnownPolicy, refreshAt: number): Promise<void>;
  /** The back-off after a failed fetch, kept apart so that it can never overwrite a policy. */
  failure(domain: Domain): Promise<KnownFailure | undefined>;
  putFailure(domain: Domain, failure: KnownFailure): Promise<void>;
  /**
   * Takes the right to fetch for this domain, across all processes; `undefined` when another holds it.
   * It ends by itself after `ttlMs`.
   */
  lockFetch(domain: Domain, ttlMs: number): Promise<{ release(): Promise<void> } | undefined>;
  /** Domains whose refresh is due, oldest first, each moved to `retryAt` so that no other process takes it as well. */
  takeDue(now: number, retryAt: number, most: number): Promise<Domain[]>;
};

export type KnownFailure = FetchFailure & {
  /** The record id the fetch was for. */
  id: string;
  failedAt: number;
  /** No further fetch for this id before then. */
  retryAt: number;
};

/** What an operator may want to know; the service that owns the log writes it down. */
export type PolicyEvent =
  | { kind: "found"; known: KnownPolicy }
  | { kind: "renewed"; known: KnownPolicy }
  | { kind: "changed"; before: KnownPolicy; after: KnownPolicy; weaker: string | undefined }
  | { kind: "fetch-failed"; domain: Domain; id: string; failure: FetchFailure; cached: KnownPolicy | undefined }
  | { kind: "record-unusable"; domain: Domain; detail: string; cached: KnownPolicy | undefined }
  /** `recordGone`: because the DNS says that there is no record any more. */
  | {
      kind: "refresh-failed";
      domain: Domain;
      detail: string;
      cached: KnownPolicy;
      recordGone?: true;
      failure?: FetchFailure;
    }
  /** Mail found no record where a policy is in force, which stays so. */
  | { kind: "record-gone"; domain: Domain; cached: KnownPolicy }
  /** The store did not take or give what was asked; told at most once a minute. This process goes on from memory. */
  | { kind: "store-failed"; domain: Domain; doing: "reading" | "writing" | "locking"; cause: unknown };
