/**
 * One attempt: the hosts of a route in their order, until every recipient has
 * its outcome. A host that fails what is required is treated like one that
 * cannot be reached: the next one is tried.
 * RFC 5321 section 5.1, RFC 8461 section 5.1.
 */
import type { Address, AskOptions, Resolver } from "../dns/answer.ts";
import type { DeliveryJobData } from "../mail/delivery-job.ts";
import type { EnvelopeDsn } from "../mail/dsn.ts";
import type { HostNote } from "../mail/history.ts";
import type { Mail, RecipientAnswer, TransactionResult } from "../smtp/transaction.ts";
import type { Session, SessionTarget } from "../smtp/session.ts";
import { describeRequirement, type HostRequirement } from "../tls/requirement.ts";
import type { CertificateNote, HandshakeFacts, Shortfall } from "../tls/verdict.ts";
import { fitFor, inTransactions } from "./fit.ts";
import { combine, type Deferral, deferral, outcomeOfAnswer, type Outcome, statusOfShortfall } from "./outcome.ts";
import { describeTls, reach, type Reached, type ReachOptions, type ReachParts } from "./reach.ts";
import { beyondLimit } from "./beyond-limit.ts";
import type { RouteHost } from "./route.ts";
import type { SessionSeen } from "./session-seen.ts";
import type { HostMet } from "./tls-result.ts";
import { markRelayed } from "./wishes.ts";

export type WalkParts = ReachParts & {
  dns: Resolver;
  guard: (address: string) => { allowed: true } | { allowed: false; why: string };
  sourceAddress: { 4?: string; 6?: string };
  ipv6: boolean;
  recipientsPerTransaction: number;
};

/** What a walk tells while it goes on. */
export type WalkReport = {
  /** `tookAll`: the host has taken all that it was given, and its outcomes tell. */
  attempt(note: HostNote & { at: string; tookAll?: boolean }): void;
  violation(host: string, shortfall: Shortfall): void;
  session?(seen: Omit<SessionSeen, "domain">): void;
  /** A host refused before connecting, or a new session with one. */
  met?(met: HostMet): void;
  /** What had to be changed in the message for this host, in words. */
  changed?(host: string, what: string): void;
  /** Outcomes from a host's own replies, as they arrive: to be written down before anything else is done. */
  settled(outcomes: Map<string, Outcome>): Promise<void>;
};

export type Message = Pick<DeliveryJobData, "from" | "smtputf8" | "eightBit"> & { data: Buffer; dsn?: EnvelopeDsn };

const MOST_ADDRESSES = 6;

/** Tries to deliver to `recipients`; each of them has an outcome in the end. */
export async function walk(
  parts: WalkParts,
  message: Message,
  recipients: string[],
  hosts: RouteHost[],
  requirementOf: (host: RouteHost) => HostRequirement,
  report: WalkReport,
  options: AskOptions,
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const deferrals: Deferral[] = [];
  const waiting = () => recipients.filter((address) => !outcomes.has(address));
  for (const host of hosts) {
    const requirement = requirementOf(host);
    const visit = { parts, message, host, requirement, report, options, waiting, outcomes };
    deferrals.push(...(await visitHost(visit)));
    if (waiting().length === 0 || options.signal?.aborted === true) break;
  }
  const rest = combine(deferrals);
  for (const address of waiting()) outcomes.set(address, rest);
  return outcomes;
}

type Visit = {
  parts: WalkParts;
  message: Message;
  host: RouteHost;
  requirement: HostRequirement;
  report: WalkReport;
  options: AskOptions;
  waiting: () => string[];
  outcomes: Map<string, Outcome>;
};

/** One host, all its addresses. Gives the reasons why recipients are left waiting. */
async function visitHost(visit: Visit): Promise<Deferral[]> {
  const { parts, host, requirement, options, waiting } = visit;
  if (requirement.kind === "refuse") {
    const { shortfall, authority } = requirement;
    visit.report.met?.({ host: host.name, requirement });
    note(visit, undefined, undefined, shortfall.resultType, `refused before connecting: ${shortfall.reason}`);
    const { reason, resultType } = shortfall;
    const put = (why: "policy-violation" | "policy-required") =>
      deferral(why, statusOfShortfall(resultType), `${host.name}: ${reason}`);
    return [authority.by === "mta-sts" ? { ...put("policy-violation"), resultType } : put("policy-required")];
  }
  const found = await addressesOf(parts, host, options);
  if (found.kind === "none") {
    note(visit, undefined, undefined, "none", found.deferral.detail);
    return [found.deferral];
  }
  const deferrals: Deferral[] = [];
  for (const address of found.addresses) {
    const put = await visitAddress(visit, address, requirement);
    if (put !== undefined) deferrals.push(put);
    if (waiting().length === 0 || options.signal?.aborted === true) break;
  }
  return deferrals;
}

async function visitAddress(
  visit: Visit,
  address: Address,
  requirement: HostRequirement & { kind: "connect" },
): Promise<Deferral | undefined> {
  const { parts, host, options } = visit;
  const allowed = parts.guard(address.address);
  if (!allowed.allowed) {
    const detail = `${host.name}: ${allowed.why}`;
    note(visit, address, undefined, "none", detail);
    return deferral("unreachable", "4.4.1", detail);
  }
  const target = targetOf(parts, host, address);
  const about = { host: host.name, address: address.address, requirement };
  const onMet: ReachOptions["onMet"] = (met) => visit.report.met?.({ ...about, ...met });
  const how = { ...options, onMet, ...(host.login === undefined ? {} : { login: host.login }) };
  const first = await reach(parts, target, requirement, how);
  const put = await use(visit, address, first);
  // The host had ended the kept session: that says nothing, a new one will.
  return put === "stale"
    ? freshly(await use(visit, address, await reach(parts, target, requirement, { ...how, fresh: true })))
    : put;
}

const freshly = (put: Deferral | "stale" | undefined): Deferral | undefined =>
  put === "stale" ? deferral("session", "4.4.2", "the connection was dropped") : put;

async function use(visit: Visit, address: Address, reached: Reached): Promise<Deferral | "stale" | undefined> {
  if (reached.kind === "failed") {
    note(visit, address, undefined, "none", reached.deferral.detail);
    return reached.deferral;
  }
  tellSession(visit, address, reached);
  if (reached.kind === "refused") {
    note(visit, address, reached.facts, reached.shortfall.resultType, `refused: ${reached.shortfall.reason}`);
    return reached.deferral;
  }
  if (reached.violation !== undefined) visit.report.violation(visit.host.name, reached.violation);
  return sendAll(visit, address, reached);
}

function tellSession(visit: Visit, { address }: Address, reached: Exclude<Reached, { kind: "failed" }>): void {
  const { host, requirement } = visit;
  const facts = reached.kind === "session" ? reached.session.facts : reached.facts;
  const shortfall = reached.kind === "session" ? reached.violation : reached.shortfall;
  if (requirement.kind === "refuse" || facts === undefined) return;
  const seen = { host: host.name, address, requirement, facts, at: visit.parts.now() };
  visit.report.session?.(shortfall === undefined ? seen : { ...seen, shortfall });
}

/** The waiting recipients in transactions over one session, which then goes back to the pool. */
async function sendAll(
  visit: Visit,
  address: Address,
  reached: Reached & { kind: "session" },
): Promise<Deferral | "stale" | undefined> {
  const { parts, message, host, waiting, outcomes, report } = visit;
  const { session } = reached;
  const tls = describeTls(session.facts, parts.now());
  const verdict = reached.violation?.resultType ?? "meets";
  let left: Deferral | undefined;
  let unused = true;
  const groups = inTransactions(waiting(), parts.recipientsPerTransaction);
  for (let to = groups.shift(); to !== undefined; to = groups.shift()) {
    const fit = fitFor(message, to, session.offers);
    if (fit.kind === "unfit") {
      for (const recipient of to) outcomes.set(recipient, fit.failure);
      note(visit, address, session.facts, verdict, fit.failure.detail);
      continue;
    }
    if (fit.changed !== undefined) report.changed?.(host.name, fit.changed);
    const result = await session.send(fit.mail, visit.options.signal);
    if (reached.kept && result.kind === "broken" && result.unanswered && unused) return "stale";
    unused = false;
    const next = beyondLimit(result);
    if (next.length > 0) groups.unshift(next);
    const taken = next.length === 0 ? to : to.filter((recipient) => !next.includes(recipient));
    const read = readResult(result, taken, host.name, tls);
    if (session.offers.dsn !== true) markRelayed(read.outcomes, message.dsn);
    for (const [recipient, outcome] of read.outcomes) outcomes.set(recipient, outcome);
    left = read.left;
    const tookAll = left === undefined && [...read.outcomes.values()].every(({ kind }) => kind === "delivered");
    note(visit, address, session.facts, verdict, summary(read.outcomes, left), tookAll);
    if (read.outcomes.size > 0) await report.settled(read.outcomes);
    if (left !== undefined) break;
  }
  finish(parts, session, host);
  return left;
}

function finish(parts: WalkParts, session: Session, host: RouteHost): void {
  if (session.closed) return;
  if (host.login === undefined) parts.pool.giveBack(session);
  else session.quit();
}

/**
 * Outcomes that stand for this attempt, and the reason why other recipients may
 * go on to the next host: it would not take any message now.
 */
export function readResult(
  result: TransactionResult,
  to: Mail["to"],
  host: string,
  tls: string,
): { outcomes: Map<string, Outcome>; left?: Deferral } {
  const outcomes = new Map<string, Outcome>();
  let left: Deferral | undefined;
  for (const answer of result.answers) {
    if (!to.includes(answer.address)) continue;
    const outcome = outcomeOfAnswer(answer, host, tls);
    if (outcome.kind === "deferred" && concernsHost(answer)) left = outcome;
    else outcomes.set(answer.address, outcome);
  }
  if (result.kind === "broken") {
    const broken = deferral("session", "4.4.2", `${host}: ${result.detail}`);
    // The host may have the message: another host would make a second copy of it now, for sure.
    if (result.uncertain) for (const address of to) if (!outcomes.has(address)) outcomes.set(address, broken);
    left = broken;
  } else if (to.some((address) => !outcomes.has(address))) {
    // A refusal that is no reply: no word on these recipients. They go on to the next host.
    left ??= deferral("session", "4.4.2", `${host}: its reply is not SMTP`);
  }
  return left === undefined ? { outcomes } : { outcomes, left };
}

/** 4xx to MAIL or DATA speaks of the host's state; 4xx to RCPT or to the message of them (greylisting, quotas). */
const concernsHost = (answer: RecipientAnswer) => answer.stage === "mail" || answer.stage === "data";

/** Those that are tried, in their order. */
export async function addressesOf(
  parts: Pick<WalkParts, "dns" | "ipv6">,
  host: RouteHost,
  options: AskOptions,
): Promise<{ kind: "found"; addresses: Address[] } | { kind: "none"; deferral: Deferral }> {
  const answer = host.addresses === undefined ? await parts.dns.addresses(host.name, options) : undefined;
  if (answer?.kind === "unknown") {
    return {
      kind: "none",
      deferral: deferral("dns", "4.4.3", `${host.name}: its address could not be looked up (${answer.detail})`),
    };
  }
  const known = host.addresses ?? (answer?.kind === "found" ? answer.records : []);
  const usable = known.filter(({ family }) => family === 4 || parts.ipv6);
  if (usable.length === 0) {
    return { kind: "none", deferral: deferral("dns", "4.4.4", `${host.name}: it has no address`) };
  }
  // IPv6 first; where it leads nowhere the connection fails at once and IPv4 follows.
  const addresses = usable.toSorted((a, b) => b.family - a.family).slice(0, MOST_ADDRESSES);
  return { kind: "found", addresses };
}

export function targetOf(
  parts: Pick<WalkParts, "sourceAddress">,
  host: RouteHost,
  { address, family }: Address,
): SessionTarget {
  const sourceAddress = parts.sourceAddress[family];
  return {
    host: host.name,
    address,
    port: host.port,
    ...(host.implicitTls ? { implicitTls: true } : {}),
    ...(sourceAddress === undefined ? {} : { sourceAddress }),
  };
}

function note(
  visit: Visit,
  address: Address | undefined,
  facts: HandshakeFacts | undefined,
  verdict: string,
  result: string,
  tookAll = false,
): void {
  const certificate = facts?.secured === true ? facts.certificate : undefined;
  visit.report.attempt({
    at: new Date(visit.parts.now()).toISOString(),
    host: visit.host.name,
    required: describeRequirement(visit.requirement),
    result,
    verdict,
    ...(tookAll ? { tookAll } : {}),
    ...(address === undefined ? {} : { address: address.address }),
    ...(facts === undefined ? {} : { tls: describeTls(facts, visit.parts.now()) }),
    ...(certificate === undefined ? {} : { certificate: certificateNote(certificate) }),
  });
}

const MOST_NAMES = 3;

/** A session has one for all of its messages. */
const certificateNotes = new WeakMap<CertificateNote, NonNullable<HostNote["certificate"]>>();

function certificateNote(certificate: CertificateNote): NonNullable<HostNote["certificate"]> {
  const known = certificateNotes.get(certificate);
  if (known !== undefined) return known;
  const { names, issuer, expiresAt } = certificate;
  const expiry = expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() };
  const note = { names: names.slice(0, MOST_NAMES), issuer, ...expiry };
  certificateNotes.set(certificate, note);
  return note;
}

function summary(outcomes: Map<string, Outcome>, left: Deferral | undefined): string {
  const words = new Set(
    [...outcomes.values()].map((outcome) =>
      outcome.kind === "delivered" ? `delivered: ${outcome.reply}` : outcome.detail,
    ),
  );
  if (left !== undefined) words.add(left.detail);
  return [...words].slice(0, 5).join("; ");
}
