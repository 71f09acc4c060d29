/**
 * One address of a host: what it proves of itself when verified TLS is asked of
 * it, and what a delivery would get from it now. By the way a delivery takes
 * itself, up to the point where it would say MAIL FROM.
 */
import { reach, describeTls, type Reached, type ReachParts } from "../delivery/reach.ts";
import type { SetupFailure } from "../smtp/failure.ts";
import type { SessionPool } from "../smtp/pool.ts";
import type { SessionTarget } from "../smtp/session.ts";
import type { ConnectRequirement, HostRequirement } from "../tls/requirement.ts";
import { judge } from "../tls/verdict.ts";
import type { Proof, Reachable } from "./facts.ts";

export type ProbeParts = Omit<ReachParts, "pool">;

const VERIFIED: ConnectRequirement = {
  kind: "connect",
  tls: "verified",
  proof: "webPki",
  reportOnly: false,
  authority: { by: "nothing" },
};

/** A kept session proves nothing about the host as it is now. */
const NO_POOL: SessionPool = { lend: () => undefined, giveBack: (session) => session.quit(), close: () => undefined };

/** @param requirement what a delivery would ask; `undefined`: none would come so far */
export async function probe(
  parts: ProbeParts,
  target: SessionTarget,
  requirement: HostRequirement | undefined,
  signal: AbortSignal,
): Promise<{ proof: Proof; now?: Reachable }> {
  const first = await attempt(parts, target, VERIFIED, signal);
  const proof = proofOf(first);
  if (requirement === undefined) return { proof };
  if (requirement.kind === "refuse") return { proof, now: { kind: "none", detail: requirement.shortfall.reason } };
  if (proof.kind === "judged" && first.reached.kind === "session") {
    const verdict = judge(requirement, proof.facts, parts.now());
    return { proof, now: session(parts, first.reached, verdict.kind === "fallsShort" ? verdict : undefined) };
  }
  const binding = requirement.tls === "verified" && !requirement.reportOnly;
  const second = binding || isDeaf(first.failure) ? first : await attempt(parts, target, requirement, signal);
  return { proof, now: reachableFrom(parts, second.reached) };
}

type Attempt = { reached: Reached; failure: SetupFailure | undefined };

/** Ends the session at once: no login, no mail. */
async function attempt(
  parts: ProbeParts,
  target: SessionTarget,
  requirement: ConnectRequirement,
  signal: AbortSignal,
): Promise<Attempt> {
  let failure: SetupFailure | undefined;
  const openSession: ProbeParts["openSession"] = async (...question) => {
    const result = await parts.openSession(...question);
    if (result.kind === "failed") ({ failure } = result);
    return result;
  };
  const reached = await reach({ ...parts, pool: NO_POOL, openSession }, target, requirement, { fresh: true, signal });
  if (reached.kind === "session") reached.session.quit();
  // What was broken off by us says nothing about the host.
  signal.throwIfAborted();
  return { reached, failure };
}

function proofOf({ reached, failure }: Attempt): Proof {
  if (reached.kind === "session") {
    return { kind: "judged", verdict: { kind: "meets" }, facts: reached.session.facts };
  }
  if (reached.kind === "refused" && reached.facts !== undefined) {
    return { kind: "judged", verdict: reached.shortfall, facts: reached.facts };
  }
  return { kind: "failed", failure: failure ?? { phase: "ehlo", detail: "no session" } };
}

/** It did not come to a word about TLS, so another requirement would fare no better. */
const isDeaf = (failure: SetupFailure | undefined) => failure?.phase === "connect" || failure?.phase === "greeting";

function reachableFrom(parts: ProbeParts, reached: Reached): Reachable {
  if (reached.kind === "session") return session(parts, reached, reached.violation);
  return { kind: "none", detail: reached.deferral.detail };
}

function session(
  parts: ProbeParts,
  reached: Reached & { kind: "session" },
  violation: (Reachable & { kind: "session" })["violation"] | undefined,
): Reachable {
  const tls = describeTls(reached.session.facts, parts.now());
  return { kind: "session", tls, ...(violation === undefined ? {} : { violation }) };
}
