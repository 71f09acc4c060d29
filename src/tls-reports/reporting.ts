/**
 * Sends the TLS reports: for each domain and day one, to each place that the
 * domain's record names. RFC 8460 sections 3 and 5.
 *
 * Several processes work on the same books. A report is one process' alone for
 * a time; what it has done is written down step by step, and a mail in the same
 * transaction that puts it into the queue. So whoever goes on after a crash
 * sends neither twice nor nothing. A POST that was accepted and not yet written
 * down is repeated; its report-id is the same, by which the receiver knows it.
 */
import { gzipSync } from "node:zlib";
import type { Domain, Resolver } from "../dns/answer.ts";
import type { Events } from "../observe/events.ts";
import type { Progress, ReportKey, ReportState, TlsBooks } from "../tlsrpt/books.ts";
import { giveUpAt, retryAt } from "../tlsrpt/day.ts";
import type { PostReport } from "../tlsrpt/post.ts";
import { type ReportDestination, type ReportRecord, readReportRecords, reportRecordName } from "../tlsrpt/record.ts";
import { buildReport, type Reporter, type TlsReport } from "../tlsrpt/report.ts";

export type ReportingParts = {
  books: TlsBooks;
  dns: Pick<Resolver, "txt">;
  post: PostReport;
  /** Puts a report into the mail queue, and into the books that it did, both or neither. Gives the queue id. */
  mail: (report: TlsReport, body: Buffer, key: ReportKey, to: { uri: string; address: string }) => Promise<string>;
  reporter: Reporter;
  events: Pick<Events, "tlsReport" | "fault">;
  now: () => number;
};

/** What would be sent, and where to. */
export type ReportPreview = {
  record: ReportRecord | { kind: "unknown"; detail: string };
  /** `undefined`: no session was counted. */
  report: TlsReport | undefined;
  state: ReportState;
};

export type SendOutcome =
  /** Another process is at it, or it was finished before. */
  | { kind: "not-ours" }
  /** Nothing was counted, or no report is wanted. */
  | { kind: "nothing"; detail: string }
  | { kind: "sent"; destinations: Map<string, Progress> }
  /** Some destination has not got it yet; it is tried again at `again`. */
  | { kind: "put-off"; again: number; detail: string };

export type Reporting = {
  /** Sends what is due; gives how many reports were taken up. Rejects while the store is away, and when `signal` ends it. */
  sendDue(signal?: AbortSignal): Promise<number>;
  /** Sends one report now, due or not. */
  send(key: ReportKey, signal?: AbortSignal): Promise<SendOutcome>;
  preview(key: ReportKey): Promise<ReportPreview>;
};

/** Longer than all destinations of a report may take. */
const TURN_MS = 30 * 60_000;
/** Before the end of its turn a process stops: what it began late could overlap with the next one's. */
const MARGIN_MS = 5 * 60_000;
const AT_A_TIME = 8;

const isOver = (now: number, turnEndsAt: number) => now > turnEndsAt - MARGIN_MS;

export function createReporting(parts: ReportingParts): Reporting {
  const { books, now } = parts;
  return {
    async sendDue(signal) {
      for (let taken = 0; ;) {
        signal?.throwIfAborted();
        const turnEndsAt = now() + TURN_MS;
        const due = await books.takeDue(now(), turnEndsAt, AT_A_TIME);
        if (due.length === 0) return taken;
        taken += due.length;
        const ends = await Promise.allSettled(
          due.map(async (key) => sendInTurn(parts, key, await books.state(key), turnEndsAt, signal)),
        );
        for (const end of ends) if (end.status === "rejected") throw end.reason;
      }
    },
    async send(key, signal) {
      const turnEndsAt = now() + TURN_MS;
      const state = await books.take(key, now(), turnEndsAt);
      if (state === undefined) return { kind: "not-ours" };
      return sendInTurn(parts, key, state, turnEndsAt, signal);
    },
    async preview(key) {
      const [record, results, state] = await Promise.all([
        recordOf(parts, key.domain),
        books.results(key),
        books.state(key),
      ]);
      const report = results.length === 0 ? undefined : buildReport(parts.reporter, key.day, key.domain, results);
      return { record, report, state };
    },
  };
}

async function recordOf(
  { dns }: ReportingParts,
  domain: Domain,
  signal?: AbortSignal,
): Promise<ReportPreview["record"]> {
  const answer = await dns.txt(reportRecordName(domain), signal === undefined ? {} : { signal });
  if (answer.kind === "unknown") return { kind: "unknown", detail: `the DNS did not say where to (${answer.detail})` };
  return answer.kind === "absent" ? { kind: "absent" } : readReportRecords(answer.records);
}

async function sendInTurn(
  parts: ReportingParts,
  key: ReportKey,
  state: ReportState,
  turnEndsAt: number,
  signal: AbortSignal | undefined,
): Promise<SendOutcome> {
  const { books, events } = parts;
  const record = await recordOf(parts, key.domain, signal);
  signal?.throwIfAborted();
  if (record.kind === "unknown") return notYet(parts, { key, state, turnEndsAt }, record.detail, []);
  if (record.kind !== "record") {
    const detail = record.kind === "unusable" ? record.detail : "the domain wants no reports";
    await books.close(key);
    events.tlsReport({ ...key, result: "unwanted", detail });
    return { kind: "nothing", detail };
  }
  const results = await books.results(key);
  if (results.length === 0) {
    await books.close(key);
    return { kind: "nothing", detail: "no session was counted" };
  }
  const report = buildReport(parts.reporter, key.day, key.domain, results);
  const turn = { key, report, body: gzipSync(JSON.stringify(report)), turnEndsAt, signal };
  const { done, failed } = await sendAll(parts, turn, record.destinations, state);
  if (failed.length > 0)
    return notYet(parts, { key, state, turnEndsAt }, failed.map(({ detail }) => detail).join("; "), failed);
  await books.close(key);
  return { kind: "sent", destinations: done };
}

type Turn = {
  key: ReportKey;
  report: TlsReport;
  body: Buffer;
  turnEndsAt: number;
  signal: AbortSignal | undefined;
};

type Failed = { uri: string; detail: string };

async function sendAll(
  parts: ReportingParts,
  turn: Turn,
  destinations: ReportDestination[],
  state: ReportState,
): Promise<{ done: Map<string, Progress>; failed: Failed[] }> {
  const done = new Map(state.destinations);
  const failed: Failed[] = [];
  // Mail first: it takes no time.
  for (const destination of destinations.toSorted((a, b) => b.kind.localeCompare(a.kind))) {
    const { uri } = destination;
    if (done.has(uri)) continue;
    const outcome = await sendTo(parts, turn, destination);
    if ("state" in outcome) done.set(uri, outcome);
    else failed.push({ uri, detail: `${uri}: ${outcome.detail}` });
  }
  return { done, failed };
}

async function sendTo(
  { books, events, mail, post, now }: ReportingParts,
  { key, report, body, turnEndsAt, signal }: Turn,
  destination: ReportDestination,
): Promise<Progress | { detail: string }> {
  const { uri } = destination;
  if (isOver(now(), turnEndsAt)) return { detail: "no time was left" };
  if (destination.kind === "mailto") {
    const message = await mail(report, body, key, destination);
    events.tlsReport({ ...key, result: "queued", to: uri, message });
    return { state: "queued", at: now(), message };
  }
  const outcome = await post(destination.url, body, signal);
  if (outcome.kind === "failed") return { detail: outcome.detail };
  const progress: Progress = { state: "accepted", at: now() };
  await books.note(key, uri, progress);
  events.tlsReport({ ...key, result: "accepted", to: uri });
  return progress;
}

/** Later again, for a day; then no more. RFC 8460 section 5.5. */
async function notYet(
  { books, events, now }: ReportingParts,
  { key, state, turnEndsAt }: { key: ReportKey; state: ReportState; turnEndsAt: number },
  detail: string,
  failed: Failed[],
): Promise<SendOutcome> {
  const at = now();
  // It is another's turn, or nearly: the books are not ours any more.
  if (isOver(at, turnEndsAt)) return { kind: "put-off", again: turnEndsAt, detail };
  if (at < giveUpAt(key.day, key.domain)) {
    const again = retryAt(at, state.attempts);
    await books.putOff(key, again);
    events.tlsReport({ ...key, result: "put-off", detail });
    return { kind: "put-off", again, detail };
  }
  for (const { uri, detail } of failed) await books.note(key, uri, { state: "given-up", at, detail });
  await books.close(key);
  events.tlsReport({ ...key, result: "given-up", detail });
  return { kind: "nothing", detail: `given up: ${detail}` };
}
