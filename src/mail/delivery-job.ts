/**
 * One job of the delivery queue: one message to the recipients in one domain.
 * This is the JSON an operator reads in Redis, so times are ISO 8601 text and
 * words are whole.
 */
import type { Domain } from "../dns/answer.ts";

export type RecipientState = {
  address: string;
  state: "waiting" | "delivered" | "failed";
  /** Enhanced status code (RFC 3463) of the latest outcome, like `4.7.5`. */
  status?: string;
  /** In plain words: the latest outcome and its reason. */
  detail?: string;
  /** A bounce for this recipient is in the queue. Only with state `failed`. */
  bounced?: boolean;
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

export type DeliveryJobData = {
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
  /** Attempts made. */
  attempt: number;
  /** Why it waits; absent before the first attempt. */
  waitingBecause?: string;
  /** The newest attempts, at most 20. */
  attempts: AttemptNote[];
};
