/**
 * The history of a message: what happened to it, one entry each, kept for a
 * while after it has left. This is the JSON an operator reads in Redis, so
 * times are ISO 8601 text and words are whole.
 */
import type { Domain } from "../dns/answer.ts";
import type { NoPolicyReason, PolicyMode, RecordCheck } from "../mta-sts/answer.ts";
import type { AttemptNote } from "./delivery-job.ts";
import type { Action } from "./delivery-report.ts";
import type { Origin } from "./envelope.ts";

export type HistoryEntry = AcceptedEntry | AttemptEntry | ReportEntry | OperatorEntry;

export type AcceptedEntry = Omit<Origin, "messageId"> & {
  kind: "accepted";
  at: string;
  from: string;
  /** The first of them. */
  to: string[];
  /** How many there are. */
  recipients: number;
  sizeBytes: number;
  /** The Message-ID field, without its angle brackets. */
  messageId?: string;
};

/** One attempt at the recipients in one domain. */
export type AttemptEntry = {
  kind: "attempt";
  at: string;
  domain: Domain;
  /** Which one it was: 1 is the first. 0: the message was given up without another. */
  attempt: number;
  /** What was known of the domain's MTA-STS policy; absent when the attempt ended before it was asked for. */
  policy?: PolicyNote;
  /** The hosts, in the order in which they were tried. */
  hosts: HostNote[];
  outcomes: OutcomeNote[];
  /** When the recipients that still wait are tried again. */
  nextAt?: string;
  /** For a run of attempts that went alike, of which this is the latest: how many, and since when. */
  times?: number;
  firstAt?: string;
  /** What "alike" is measured by. */
  same: string;
};

export type PolicyNote =
  | { kind: "policy"; mode: PolicyMode; id: string; fetchedAt: string; record: RecordCheck; detail?: string }
  | { kind: "none"; because: NoPolicyReason; detail: string }
  | { kind: "unknown"; detail: string };

/** One host at one address, at the time of its attempt. */
export type HostNote = Omit<AttemptNote, "at"> & {
  /** `meets`, a result type of RFC 8460 section 4.3, or `none`: nothing was there to judge. */
  verdict: string;
  certificate?: {
    /** The first of its names. */
    names: string[];
    issuer: string;
    expiresAt?: string;
  };
};

export type OutcomeNote = {
  to: string[];
  state: "delivered" | "waiting" | "failed";
  /** RFC 3463. */
  status?: string;
  /** Why it waits, in a word: a `DeferReason`. */
  reason?: string;
  /** Why, in words; of a delivery, the host. */
  detail: string;
};

/** A report to the sender was put into the queue. */
export type ReportEntry = {
  kind: "report";
  at: string;
  domain: Domain;
  report: string;
  to: string;
  recipients: string[];
  /** What the sender was told of them. Absent in older entries: failures. */
  actions?: Action[];
};

export type OperatorVerb = "retry" | "hold" | "release" | "bounce" | "drop";

/** An operator's doing. */
export type OperatorEntry = {
  kind: "operator";
  at: string;
  domain: Domain;
  verb: OperatorVerb;
  by: string;
  reason?: string;
  /** Ordered, and carried out by the worker that has it in hand. */
  ordered?: true;
};
