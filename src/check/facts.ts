/**
 * What a check saw of a domain, before anything is made of it.
 */
import type { DomainRule } from "../delivery/domain-rules.ts";
import type { Outcome } from "../delivery/outcome.ts";
import type { Plan } from "../delivery/plan.ts";
import type { Address, Domain } from "../dns/answer.ts";
import type { KnownPolicy, PolicyAnswer } from "../mta-sts/answer.ts";
import type { RecordAnswer } from "../mta-sts/decision.ts";
import type { FetchPolicy } from "../mta-sts/policy-fetch.ts";
import type { SetupFailure } from "../smtp/failure.ts";
import type { ReportRecord } from "../tlsrpt/record.ts";
import type { HostRequirement } from "../tls/requirement.ts";
import type { HandshakeFacts, Shortfall, Verdict } from "../tls/verdict.ts";

export type DomainFacts = {
  domain: Domain;
  checkedAt: number;
  /** What the operator laid down for the domain. */
  rule: DomainRule;
  route: Plan["route"];
  /** Absent where there is no policy domain: mail goes to an address. */
  policy?: PolicyFacts;
  hosts: HostFacts[];
  /** What a delivery would go by now. Absent where it would not ask, or ends before. */
  answer?: PolicyAnswer;
  /** What ends a delivery before any host is connected to. */
  ended?: Outcome;
};

/** What the policy domain publishes, and what is kept of it here. */
export type PolicyFacts = {
  /** The domain itself, or its smart host. */
  domain: Domain;
  /** All TXT records at `_mta-sts`, as they are. */
  texts: string[];
  record: RecordAnswer;
  /** Asked for with or without a record. */
  fetch: Awaited<ReturnType<FetchPolicy>>;
  /** The name that `mta-sts.` is an alias of, where it is one. */
  alias?: Domain;
  cached: CachedPolicy;
  /** Where it wants its TLS reports. RFC 8460 section 3. */
  reports: ReportRecord | { kind: "unknown"; detail: string };
};

export type CachedPolicy =
  | { kind: "known"; known: KnownPolicy }
  | { kind: "none" }
  /** The relay's store could not be asked. */
  | { kind: "away"; why: string };

export type HostFacts = {
  name: Domain;
  /** What a delivery would ask of it now. Absent when none would come so far. */
  requirement?: HostRequirement;
  /** Those that a delivery tries, in its order. */
  addresses: AddressFacts[];
  /** Why there is none. */
  noAddress?: string;
};

export type AddressFacts = Address & {
  proof: Proof;
  /** What a delivery would get from it now. */
  now?: Reachable;
};

/** What the host proved of itself when verified TLS was asked of it, whatever its policy asks. */
export type Proof =
  | { kind: "judged"; verdict: Verdict; facts: HandshakeFacts }
  /** No session, for a reason that is not TLS. */
  | { kind: "failed"; failure: SetupFailure }
  /** Not connected to. */
  | { kind: "not-allowed"; why: string };

export type Reachable =
  /** A session that may carry the message. `violation`: with this against it, in testing mode. */
  { kind: "session"; tls: string; violation?: Shortfall } | { kind: "none"; detail: string };
