/**
 * A session with a host as one message met it, judged: for those who count and
 * watch. Told before the message is sent.
 */
import type { Domain } from "../dns/answer.ts";
import type { ConnectRequirement } from "../tls/requirement.ts";
import type { HandshakeFacts, Shortfall } from "../tls/verdict.ts";

export type SessionSeen = {
  /** The recipients'. */
  domain: Domain;
  host: Domain;
  address: string;
  requirement: ConnectRequirement;
  facts: HandshakeFacts;
  /** What it lacks. Where the requirement binds, it was ended over it. */
  shortfall?: Shortfall;
  at: number;
};
