/**
 * What a delivery goes by, found out before any host is connected to: where
 * the domain's mail goes, what is known of its policy, and what each host must
 * prove. RFC 5321 section 5.1, RFC 8461 sections 3.4 and 5.
 */
import type { Domain, Resolver } from "../dns/answer.ts";
import type { PolicyAnswer } from "../mta-sts/answer.ts";
import { FOR_LOGIN, type HostRequirement, requirementFor, WAIVED } from "../tls/requirement.ts";
import type { DomainRule } from "./domain-rules.ts";
import { deferral, type Outcome } from "./outcome.ts";
import { findRoute, type Route, type RouteHost } from "./route.ts";

export type PlanParts = {
  dns: Resolver;
  policies: { answer(domain: Domain, options: { fresh?: boolean; signal?: AbortSignal }): Promise<PolicyAnswer> };
  /** Port of MX hosts. */
  port: number;
  random: () => number;
};

export type PlanQuestion = {
  domain: Domain;
  rule: DomainRule;
  /** How long the message has waited already. */
  waitedMs: number;
  /** Ask the DNS past the cache. */
  fresh: boolean;
  signal: AbortSignal;
  /** The message is to be delivered whatever the domain's policy (`TLS-Required: No`). */
  tlsRequired?: false;
};

export type Plan =
  | {
      kind: "walk";
      route: Route & { kind: "hosts" };
      answer: PolicyAnswer;
      /** It could not be found out whether there is a policy, and the operator lets mail go on all the same: why not. */
      proceeding?: string;
      requirementOf: (host: RouteHost) => HostRequirement;
    }
  /** The same outcome for every recipient, with no host connected to. `answer` is absent where it was not asked for. */
  | { kind: "ended"; route: Route; answer?: PolicyAnswer; outcome: Outcome };

export async function makePlan(parts: PlanParts, question: PlanQuestion): Promise<Plan> {
  const { domain, rule, fresh, signal } = question;
  const waived = isWaived(question);
  const route = await findRoute(parts, domain, rule.route, { fresh, signal });
  if (route.kind === "unknown") return { kind: "ended", route, outcome: route.deferral };
  if (route.kind === "refused") return { kind: "ended", route, outcome: route.failure };
  const policyDomain = route.kind === "hosts" ? route.policyDomain : domain;
  const answer = await policyAnswer(parts, question, policyDomain);
  if (route.kind === "nowhere") return { kind: "ended", route, answer, outcome: whenNowhere(route, answer) };
  if (answer.kind !== "unknown")
    return { kind: "walk", route, answer, requirementOf: requirements(rule, answer, waived) };
  if (mustWait(question, answer)) {
    const detail = `the MTA-STS policy of ${policyDomain} could not be found out: ${answer.detail}`;
    return { kind: "ended", route, answer, outcome: deferral("policy-unknown", "4.7.5", detail) };
  }
  const none = { kind: "none", because: "no-record", detail: `could not be found out: ${answer.detail}` } as const;
  return { kind: "walk", route, answer, proceeding: answer.detail, requirementOf: requirements(rule, none, waived) };
}

/** Credentials go over a verified session only, whatever a policy says. */
function requirements(rule: DomainRule, answer: PolicyAnswer, waived: boolean): (host: RouteHost) => HostRequirement {
  return (host) => {
    const requirement = waived ? WAIVED : requirementFor(host.name, rule.mtaSts, answer, rule.exception);
    const weaker = requirement.kind === "connect" && (requirement.tls !== "verified" || requirement.reportOnly);
    return host.login !== undefined && weaker ? FOR_LOGIN : requirement;
  };
}

/** RFC 8689 section 5: no policy of the recipient's is looked at. What our own operator requires is another matter. */
function isWaived({ tlsRequired, rule }: PlanQuestion): boolean {
  return tlsRequired === false && rule.mtaSts !== "require" && rule.exception?.what.kind !== "pin";
}

const WAIVER: PolicyAnswer = {
  kind: "none",
  because: "no-record",
  detail: "not asked: the message says TLS-Required: No",
};
const NOT_ASKED: PolicyAnswer = {
  kind: "none",
  because: "no-record",
  detail: "not asked: the operator's rule is disable",
};
const PINNED: PolicyAnswer = {
  kind: "none",
  because: "no-record",
  detail: "not asked: the operator has pinned the MX hosts",
};
const NO_DOMAIN: PolicyAnswer = { kind: "none", because: "not-a-domain", detail: "an address literal has no policy" };

function policyAnswer(
  { policies }: PlanParts,
  question: PlanQuestion,
  policyDomain: Domain | undefined,
): Promise<PolicyAnswer> {
  const { rule, fresh, signal } = question;
  if (isWaived(question)) return Promise.resolve(WAIVER);
  if (rule.mtaSts === "disable") return Promise.resolve(NOT_ASKED);
  // What is pinned holds whatever a policy says: mail does not wait for one.
  if (rule.exception?.what.kind === "pin") return Promise.resolve(PINNED);
  return policyDomain === undefined ? Promise.resolve(NO_DOMAIN) : policies.answer(policyDomain, { fresh, signal });
}

/**
 * "No such domain" ends a message at once, except where a policy of the domain
 * is known or may exist: then the DNS answer is doubted, and the message waits.
 */
function whenNowhere(route: Route & { kind: "nowhere" }, answer: PolicyAnswer): Outcome {
  if (answer.kind === "none") return route.failure;
  const doubt =
    answer.kind === "policy"
      ? "but its MTA-STS policy is known"
      : `and whether it has an MTA-STS policy could not be found out: ${answer.detail}`;
  return deferral("dns", "4.1.2", `${route.failure.detail}, says the DNS, ${doubt}`);
}

/** Could not find out, and nothing is cached: wait for a while, then go on without, where the operator lets it. */
function mustWait({ rule, waitedMs }: PlanQuestion, answer: PolicyAnswer & { kind: "unknown" }): boolean {
  // Whatever the policy is, it would only be reported on.
  if (rule.mtaSts === "testing") return false;
  // The store being away says nothing about the domain: a policy may well be cached in it.
  if (answer.why === "store" || rule.mtaSts === "require") return true;
  const { action, deferForMs } = rule.onDiscoveryFailure;
  return action === "defer" && waitedMs < deferForMs;
}
