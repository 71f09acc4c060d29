/**
 * A session with one host at one address that may carry the message, or the
 * reason why there is none. Every session passes the verdict here, and here
 * only, before its borrower can say MAIL FROM.
 * RFC 8461 section 5, RFC 7435.
 */
import type { SetupFailure } from "../smtp/failure.ts";
import type { SessionPool } from "../smtp/pool.ts";
import type { Contact, OpenOptions, OpenResult, Session, SessionLimits, SessionTarget } from "../smtp/session.ts";
import { type ConnectRequirement, describeRequirement } from "../tls/requirement.ts";
import type { Trust } from "../tls/trust.ts";
import { type HandshakeFacts, judge, type Shortfall } from "../tls/verdict.ts";
import { type Deferral, deferral, deferralOfSetup, statusOfShortfall } from "./outcome.ts";

export type ReachParts = {
  pool: SessionPool;
  trust: Trust;
  hostname: string;
  limits: SessionLimits;
  openSession: (target: SessionTarget, options: OpenOptions) => Promise<OpenResult>;
  now: () => number;
};

export type Reached =
  | {
      kind: "session";
      session: Session;
      /** Kept from an earlier message: the host may have closed it meanwhile. */
      kept: boolean;
      /** What the session lacks and is used all the same: a violation in testing mode. */
      violation?: Shortfall;
    }
  | { kind: "refused"; shortfall: Shortfall; deferral: Deferral; facts?: HandshakeFacts }
  | { kind: "failed"; deferral: Deferral };

export type ReachOptions = {
  login?: { user: string; password: string };
  /** Not a kept one. */
  fresh?: boolean;
  signal?: AbortSignal;
  /** Told once of each new session that got as far as TLS, or broke off over it. */
  onMet?: (met: { facts: HandshakeFacts; contact?: Contact }) => void;
};

export async function reach(
  parts: ReachParts,
  target: SessionTarget,
  requirement: ConnectRequirement,
  options: ReachOptions,
): Promise<Reached> {
  const binding = !requirement.reportOnly && requirement.tls !== "optional";
  // The lenient context lets weak keys and signatures pass: facts from under it prove less than they say.
  const suffices = ({ secureContext, facts }: Session) =>
    !binding || (secureContext === parts.trust.strict && judge(requirement, facts, parts.now()).kind === "meets");
  // A login belongs to its session; it is not shared with deliveries that need none.
  const mayShare = options.login === undefined && options.fresh !== true;
  const kept = mayShare ? parts.pool.lend(target, suffices) : undefined;
  if (kept !== undefined) return passed(kept, requirement, true, parts.now());

  const open = (starttls: OpenOptions["starttls"]) =>
    parts.openSession(target, {
      starttls,
      secureContext: binding ? parts.trust.strict : parts.trust.lenient,
      hostname: parts.hostname,
      limits: parts.limits,
      ...(options.login === undefined ? {} : { login: options.login }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });

  const first = unlessInjected(await open(binding ? "require" : "try"));
  if (first.kind === "open") {
    tellMet(options, first.session.facts, first.session.contact);
    return passed(first.session, requirement, false, parts.now());
  }
  const facts = factsOfFailure(first.failure);
  if (facts === undefined) return { kind: "failed", deferral: deferralOfSetup(first.failure, target.host) };
  tellMet(options, facts, first.contact);
  const verdict = judge(requirement, facts, parts.now());
  if (binding) {
    return verdict.kind === "fallsShort"
      ? refused(target, requirement, verdict, facts)
      : { kind: "failed", deferral: deferralOfSetup(first.failure, target.host) };
  }
  // Only where nothing binds: a second try without TLS. RFC 7435 section 3.
  const second = await open("never");
  if (second.kind === "failed") return { kind: "failed", deferral: deferralOfSetup(second.failure, target.host) };
  return {
    kind: "session",
    session: second.session,
    kept: false,
    ...(verdict.kind === "fallsShort" ? { violation: verdict } : {}),
  };
}

/** Somebody on the path has spoken in the host's place: such a session is not used, whatever is required. RFC 3207 section 6. */
function unlessInjected(result: OpenResult): OpenResult {
  if (result.kind === "failed" || !result.session.facts.secured || !result.session.facts.injected) return result;
  result.session.close();
  const detail = "plain text was injected behind the reply to STARTTLS";
  const { contact } = result.session;
  return { kind: "failed", failure: { phase: "handshake", detail }, ...(contact === undefined ? {} : { contact }) };
}

function tellMet({ onMet }: ReachOptions, facts: HandshakeFacts, contact: Contact | undefined): void {
  onMet?.(contact === undefined ? { facts } : { facts, contact });
}

/** The one gate: a session that falls short of a binding requirement ends here, with nothing of the message sent. */
function passed(session: Session, requirement: ConnectRequirement, kept: boolean, now: number): Reached {
  const verdict = judge(requirement, session.facts, now);
  if (verdict.kind === "meets") return { kind: "session", session, kept };
  if (requirement.reportOnly) return { kind: "session", session, kept, violation: verdict };
  session.quit();
  return refused(session.target, requirement, verdict, session.facts);
}

function refused(
  target: SessionTarget,
  requirement: ConnectRequirement,
  shortfall: Shortfall,
  facts: HandshakeFacts,
): Reached {
  const { authority } = requirement;
  // A requirement without an authority is a question only: `sts-relay check` asks it.
  const by = authority.by === "nothing" ? "" : `; verified TLS is required by ${describeRequirement(requirement)}`;
  const detail = `${target.host}: ${shortfall.reason}${by}`;
  const put = deferral("policy-violation", statusOfShortfall(shortfall.resultType), detail);
  const { resultType } = shortfall;
  const byDomain = authority.by === "mta-sts" ? { ...put, resultType } : put;
  return { kind: "refused", shortfall, deferral: byDomain, facts };
}

/** A set-up that broke over TLS proves something too: that there is none. */
function factsOfFailure(failure: SetupFailure): HandshakeFacts | undefined {
  if (failure.phase === "starttls") return { secured: false, why: "refused", detail: failure.detail };
  if (failure.phase === "handshake") return { secured: false, why: "handshake-failed", detail: failure.detail };
  return undefined;
}

/** For the log and the history: what a session was protected by. */
export function describeTls(facts: HandshakeFacts, now: number): string {
  if (!facts.secured) return "in the clear";
  const verified = judge({ tls: "verified" }, facts, now).kind === "meets";
  return `${facts.protocol} ${facts.cipher}, ${verified ? "verified" : "not verified"}`;
}
