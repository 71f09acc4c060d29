/**
 * An SMTP envelope on its way through the relay. RFC 5321 section 2.3.1.
 */
import type { Domain } from "../dns/answer.ts";
import type { EnvelopeDsn } from "./dsn.ts";

export type Envelope = {
  /** Reverse-path. `""` is the null sender of a bounce. The domain is in A-labels, lower case. */
  from: string;
  /** Forward-paths, each once, the domain in A-labels, lower case. An address literal keeps its brackets. */
  to: string[];
  /** The message needs SMTPUTF8 at the next hop (RFC 6531): announced by the client. */
  smtputf8: boolean;
  /** BODY=8BITMIME was announced (RFC 6152). */
  eightBit: boolean;
  /** What the sender wants to hear, where it said so (RFC 3461). */
  dsn?: EnvelopeDsn;
};

/** A message as it is handed to the spool: complete, normalised to CRLF, trace header in place. */
export type AcceptedMessage = {
  /** The queue id: letters and digits, sortable by time. */
  id: string;
  envelope: Envelope;
  data: Buffer;
  acceptedAt: number;
  /** For the history. */
  origin?: Origin;
  /** `TLS-Required: No` (RFC 8689): delivered whatever the recipient's policy. Only for TLS reports of our own. */
  tlsRequired?: false;
};

/** Where a message came from. */
export type Origin = {
  /** The client's address, the user who had logged in, and the protocol (RFC 3848); none for a report of our own. */
  client?: string;
  user?: string;
  protocol?: string;
  /** The text of the Message-ID field. */
  messageId: string;
  /** The queue id of the message that this one reports on. */
  reportOn?: string;
};

/** The part after the last `@`: a domain, or an address literal in brackets. */
export function domainOf(address: string): Domain {
  return address.slice(address.lastIndexOf("@") + 1);
}
