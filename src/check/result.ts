/**
 * From what was seen of a domain to what is made of it. Pure.
 */
import type { DomainFacts } from "./facts.ts";
import { type Finding, SECTIONS, type Severity, worstOf } from "./finding.ts";
import { hostFindings } from "./host-findings.ts";
import { cachedFindings, policyFindings } from "./policy-findings.ts";
import { recordFindings } from "./record-findings.ts";
import { reportFindings } from "./report-findings.ts";
import { type Fate, fateFindings, fateOf, routeFindings } from "./route-findings.ts";

export type CheckResult = {
  domain: string;
  checkedAt: number;
  /** That of the worst finding. */
  severity: Severity;
  /** What would become of a message now. Absent when the check came to no end. */
  fate?: Fate;
  /** In the order of their sections. */
  findings: Finding[];
  /** Absent when the check came to no end. */
  facts?: DomainFacts;
};

export function judgeFacts(facts: DomainFacts): CheckResult {
  const fate = fateOf(facts);
  const findings = findingsIn(facts, fate).toSorted((a, b) => order(a) - order(b));
  return {
    domain: facts.domain,
    checkedAt: facts.checkedAt,
    severity: worstOf(findings.map(({ severity }) => severity)),
    fate,
    findings,
    facts,
  };
}

const order = ({ section }: Finding) => SECTIONS.indexOf(section);

function findingsIn(facts: DomainFacts, fate: Fate): Finding[] {
  const { policy, hosts, checkedAt: now } = facts;
  const measure = policyInQuestion(facts);
  return [
    ...routeFindings(facts),
    // Of a domain that does not exist, nothing else is to be said; of one that takes no mail, little.
    ...(policy === undefined || facts.route.kind === "nowhere" || facts.route.kind === "refused"
      ? []
      : [
          ...recordFindings(policy),
          ...policyFindings(policy, now),
          ...reportFindings(policy),
          ...cachedFindings(policy, now),
        ]),
    ...hostFindings(hosts, measure, now),
    ...fateFindings(facts, fate),
  ];
}

/**
 * What hosts are measured by: the policy that is served, unless it is certain
 * that nothing announces it; or else the one that holds all the same.
 */
function policyInQuestion({ policy, answer }: DomainFacts) {
  const mayBeAnnounced = policy?.record.kind === "record" || policy?.record.kind === "unknown";
  if (mayBeAnnounced && policy?.fetch.kind === "fetched") return policy.fetch.policy;
  return answer?.kind === "policy" ? answer.known.policy : undefined;
}
