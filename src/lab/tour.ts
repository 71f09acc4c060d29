/**
 * A tour of the lab: one real message to each of its domains, through a relay,
 * and for each a look at both ends of what became of it.
 */
import { randomUUID } from "node:crypto";
import type { Lab } from "./lab.ts";
import type { Expectation, LabDomain, Protection, TourOutcome } from "./lab-domain.ts";
import { submitMessage } from "./submit.ts";
import { type HostSight, problemWith } from "./tour-check.ts";

export type TourRow = {
  domain: string;
  /** What the domain shows, in one line. */
  shows: string;
  /** What became of the message, in a few words. */
  outcome: string;
  /** The relay's explanation. */
  why: string;
  /** All was as it must be, at both ends. */
  ok: boolean;
  /** What was not. */
  problem?: string;
};

export type TourParts = {
  lab: Lab;
  /** Where the relay takes mail. */
  smtp: { host: string; port: number };
  /** Resolves when the first attempt for this domain has ended, with what became of it. */
  settled: (message: string, domain: string) => Promise<TourOutcome>;
  /** Called with each row as it is done, in the order in which that happens. */
  onRow?: (row: TourRow) => void;
  /** Domains visited at one time. Default: 16. */
  concurrency?: number;
  /** For one message, from submission until it has settled. Default: 30 s. */
  timeoutMs?: number;
  signal?: AbortSignal;
};

const SENDER = "tour@good-enforce.test";

/** The rows in the order of the lab's domains; a domain that changes has two. Rejects only when `signal` is aborted. */
export async function runTour(parts: TourParts): Promise<TourRow[]> {
  const rows = new Map<LabDomain, TourRow[]>();
  const waiting = [...parts.lab.domains];
  const visitor = async () => {
    for (let domain = waiting.shift(); domain !== undefined; domain = waiting.shift()) {
      rows.set(domain, await visit(parts, domain));
    }
  };
  await Promise.all(Array.from({ length: parts.concurrency ?? 16 }, visitor));
  return parts.lab.domains.flatMap((domain) => rows.get(domain) ?? []);
}

async function visit(parts: TourParts, domain: LabDomain): Promise<TourRow[]> {
  const rows: TourRow[] = [];
  const add = (row: TourRow) => {
    rows.push(row);
    parts.onRow?.(row);
  };
  add(await sendOne(parts, domain, domain));
  if (domain.next === undefined) return rows;
  domain.next.change(parts.lab);
  add(await sendOne(parts, domain, domain.next));
  return rows;
}

async function sendOne(
  parts: TourParts,
  { name, recipients = ["user"] }: LabDomain,
  step: { shows: string; expect: Expectation },
): Promise<TourRow> {
  parts.signal?.throwIfAborted();
  const about = { domain: name, shows: step.shows };
  const marker = randomUUID();
  const hosts = parts.lab.hostsOf(name);
  const leakedBefore = new Map(hosts.map((host) => [host, leakedAt(host)]));
  try {
    const told = await withLimit(parts, async () => {
      const to = recipients.map((local) => `${local}@${name}`);
      const sent = await submitMessage(parts.smtp, { from: SENDER, to, data: messageText(to, step.shows, marker) });
      if (sent.kind === "refused") throw new Error(`the relay refused the message: ${sent.reply}`);
      return parts.settled(sent.id, name);
    });
    const seen: HostSight[] = hosts.map((host) => ({
      host: host.name,
      arrived: host.messages.filter(({ data }) => data.includes(marker)),
      leakedBytes: leakedAt(host) - (leakedBefore.get(host) ?? 0),
    }));
    const problem = problemWith(step.expect, told, seen);
    const row = { ...about, outcome: describe(told), why: told.reason };
    return problem === undefined ? { ...row, ok: true } : { ...row, ok: false, problem };
  } catch (error) {
    parts.signal?.throwIfAborted();
    return { ...about, outcome: "unknown", why: "", ok: false, problem: (error as Error).message };
  }
}

const PROTECTION: Record<Protection, string> = {
  verified: "verified TLS",
  encrypted: "unverified TLS",
  clear: "in clear",
  none: "nothing sent",
};

function describe(told: TourOutcome): string {
  return `${told.outcome}, ${PROTECTION[told.tls]}${told.violation ? ", violation logged" : ""}`;
}

const leakedAt = ({ sessions }: { sessions: { leaked: Buffer }[] }): number =>
  sessions.reduce((sum, { leaked }) => sum + leaked.length, 0);

async function withLimit<T>({ timeoutMs = 30_000, signal }: TourParts, work: () => Promise<T>): Promise<T> {
  const ended = new AbortController();
  const limits = [AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])];
  const limit = AbortSignal.any(limits);
  const late = new Promise<never>((_, reject) => {
    const refuse = () => reject(new Error(`nothing became of the message within ${timeoutMs / 1000} s`));
    limit.addEventListener("abort", refuse, { once: true, signal: ended.signal });
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    ended.abort();
  }
}

function messageText(to: string[], shows: string, marker: string): string {
  const lines = [
    `From: The lab's tour <${SENDER}>`,
    `To: ${to.join(", ")}`,
    `Subject: ${shows}`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${marker}@lab.test>`,
    `X-Lab-Marker: ${marker}`,
    "",
    "A message of the lab's tour.",
  ];
  return lines.map((line) => `${line}\r\n`).join("");
}
