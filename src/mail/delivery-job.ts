/**
 * One job of the delivery queue: one message to the recipients in one domain.
 * This is the JSON an operator reads in Redis, so times are ISO 8601 text and
 * words are whole.
 */
import type { Domain } from "../dns/answer.ts";
import type { Cause } from "./cause.ts";
import type { MessageDsn, RecipientDsn } from "./dsn.ts";

export type RecipientState = RecipientDsn & {
  address: string;
  state: "waiting" | "delivered" | "failed";
  /** Enhanced status code (RFC 3463) of the latest outcome, like `4.7.5`. */
  status?: string;
  /** In plain words: the latest outcome and its reason. */
  detail?: string;
  /** What kind of reason it is. Absent when it was delivered. */
  cause?: Cause;
  /** The reply that decided, where it was a host's. */
  said?: { host: string; reply: string };
  /** The sender has been told, or does not want to be. Only with state `failed`. */
  bounced?: boolean;
  /** Delivered to a host that sends no reports, and the sender wants to know: whether it was told. RFC 3461 section 5.2.2. */
  relayed?: "to tell" | "told";
};

/** One try at one host, for the history. */
export type AttemptNote = {
  at: string;
  host: string;
  address?: string;
  /** What was required of the host, and by which rule, in words. */
  required: string;
  tls?: string;
  result: string;
};

export type DeliveryJobData = MessageDsn & {
  message: string;
  domain: Domain;
  /** `""` is the null sender. */
  from: string;
  recipients: RecipientState[];
  acceptedAt: string;
  /** When the message is given up. */
  expiresAt: string;
  sizeBytes: number;
  smtputf8: boolean;
  eightBit: boolean;
  /** Delivered whatever the recipient's policy: see `AcceptedMessage`. */
  tlsRequired?: false;
  /** When the sender was told that the message is late. */
  delayReportedAt?: string;
  /** Attempts made. */
  attempt: number;
  /** Why it waits; absent before the first attempt. */
  waitingBecause?: string;
  /** The newest attempts, at most 5. */
  attempts: AttemptNote[];
};
