/**
 * What is kept for TLS reports between the sessions of a day and the report
 * on it: counts, and how far each report has come. RFC 8460 section 4.
 */
import type { Domain } from "../dns/answer.ts";
import type { Day } from "./day.ts";
import type { PolicyResults } from "./report.ts";

/** The report for one domain on one day: there is one, whoever sends it. */
export type ReportKey = { day: Day; domain: Domain };

export type DayCount = ReportKey & { policies: PolicyResults[] };

/** How far the report has come on its way to one destination. */
export type Progress =
  /** In the mail queue, under this id. */
  | { state: "queued"; at: number; message: string }
  | { state: "accepted"; at: number }
  /** Not tried again. */
  | { state: "given-up"; at: number; detail: string };

export type ReportState = {
  /** How often it was taken up. */
  attempts: number;
  /** Nothing is left to do. */
  closed: boolean;
  /** By `uri`. */
  destinations: Map<string, Progress>;
};

/** Shared by all processes. Every method rejects while the store is away. */
export type TlsBooks = {
  /**
   * Adds to what was counted, within bounds for each domain and day: beyond
   * them details are folded together. What comes after the report was taken up
   * is dropped, so that there is never a second report.
   */
  add(count: DayCount): Promise<void>;
  results(key: ReportKey): Promise<PolicyResults[]>;
  /** Reports whose time has come, oldest first, each for the caller alone until `until`. */
  takeDue(now: number, until: number, most: number): Promise<ReportKey[]>;
  /** One report, due or not; `undefined` when another process is at it. */
  take(key: ReportKey, now: number, until: number): Promise<ReportState | undefined>;
  state(key: ReportKey): Promise<ReportState>;
  note(key: ReportKey, uri: string, progress: Progress): Promise<void>;
  /** Not all is done: to be taken up again at `at`. */
  putOff(key: ReportKey, at: number): Promise<void>;
  close(key: ReportKey): Promise<void>;
};
