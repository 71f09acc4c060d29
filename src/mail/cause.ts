/**
 * Why a recipient was not reached, as far as it decides what a person is told:
 * who has to do something about it, and what.
 */
import type { ResultType } from "../tls/verdict.ts";

export type Cause =
  /** The domain's own MTA-STS policy stands in the way. */
  | ResultType
  | "policy-unknown"
  /** A rule of this relay's operator stands in the way. */
  | "relay-rule"
  | "dns"
  | "no-such-domain"
  | "takes-no-mail"
  | "unreachable"
  | "session"
  /** A host said so. */
  | "reply"
  /** No host of the domain takes such a message. */
  | "does-not-fit"
  /** An operator of the relay took it out. */
  | "operator"
  /** The relay's own doing. */
  | "relay";
