/**
 * One domain of the lab's table: what it shows, how it is set up, and what must
 * become of mail to it.
 */
import type { DomainSetup } from "./domain-setup.ts";
import type { LabDnsServer } from "./dns-server.ts";
import type { MxHost } from "./mx-host.ts";

export type LabDomain = {
  name: string;
  /** One line for a reader who does not know MTA-STS. */
  shows: string;
  setup: Omit<DomainSetup, "name">;
  /** Local parts that a message goes to. Default: `user`. */
  recipients?: string[];
  expect: Expectation;
  /** A second message, after something has changed. */
  next?: { shows: string; change: (lab: LabControls) => void; expect: Expectation };
};

/**
 * What protected the envelope and the body that were sent: TLS to a host that
 * proved its name, TLS to whoever answered, nothing; `none`: nothing was sent.
 */
export type Protection = "verified" | "encrypted" | "clear" | "none";

export type Expectation = {
  outcome: TourOutcome["outcome"];
  /** Several: each of them is right. */
  tls: Protection | Protection[];
  /** A violation of a policy in testing mode must be logged; default: must not. */
  violation?: boolean;
  /** Is in the relay's explanation. */
  reason?: RegExp;
  /** MX hosts that must not learn anything of the message, though it is delivered. */
  nothingAt?: string[];
};

/** What became of a message for one domain, as the relay tells it. `mixed`: not the same for all recipients. */
export type TourOutcome = {
  outcome: "delivered" | "deferred" | "failed" | "mixed";
  tls: Protection;
  violation: boolean;
  /** In plain words. */
  reason: string;
};

/** What can be changed while the lab runs. */
export type LabControls = {
  dns: LabDnsServer;
  /** Throws for a name that is no MX host of the lab. */
  mx(name: string): MxHost;
  /** The MX hosts of a domain that listen, in order of preference. */
  hostsOf(domain: string): MxHost[];
  /** Puts a new record and policy in the place of the domain's. */
  publish(domain: string, what: Pick<DomainSetup, "policy" | "record">): void;
};
