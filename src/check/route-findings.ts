/**
 * Where a domain's mail goes, and what would become of a message now.
 * RFC 5321 section 5.1, RFC 7505.
 */
import { describeException } from "../tls/exception.ts";
import type { DomainFacts, HostFacts, Reachable } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { list } from "./words.ts";

/** What would become of a message that were handed in now. */
export type Fate =
  /** It would be sent to this host. Whether the host takes it is for the host to say. */
  | { kind: "sent"; host: string; address: string; tls: string; violation?: string }
  | { kind: "waits"; why: string }
  | { kind: "bounces"; why: string };

/** The first host and address that would do, in the order in which a delivery tries them. */
export function fateOf({ ended, hosts }: Pick<DomainFacts, "ended" | "hosts">): Fate {
  if (ended?.kind === "failed") return { kind: "bounces", why: ended.detail };
  if (ended?.kind === "deferred") return { kind: "waits", why: ended.detail };
  for (const host of hosts) {
    for (const { address, now } of host.addresses) {
      if (now?.kind === "session") return sentTo(host, address, now);
    }
  }
  const reasons = new Set(hosts.map(whyNot));
  return { kind: "waits", why: list([...reasons], 3) };
}

function sentTo({ name }: HostFacts, address: string, { tls, violation }: Reachable & { kind: "session" }): Fate {
  return {
    kind: "sent",
    host: name,
    address,
    tls,
    ...(violation === undefined ? {} : { violation: violation.reason }),
  };
}

function whyNot({ name, addresses, noAddress }: HostFacts): string {
  const [first] = addresses;
  const detail = noAddress ?? (first?.now?.kind === "none" ? first.now.detail : "no session");
  return detail.startsWith(`${name}: `) ? detail : `${name}: ${detail}`;
}

export function routeFindings(facts: DomainFacts): Finding[] {
  const { domain, route, rule, hosts } = facts;
  const names = list(hosts.map(({ name }) => name));
  switch (route.kind) {
    case "nowhere":
      return [error("no-such-domain", route.failure.detail, "Look for a typing error in the domain.")];
    case "refused":
      return [finding("route", "info", "null-mx", route.failure.detail)];
    case "unknown":
      return [
        error(
          "mx-unknown",
          route.deferral.detail,
          `Look at the name servers of ${domain}, and at the relay's own resolver (dns.servers).`,
        ),
      ];
    case "hosts":
      if (rule.route !== undefined) {
        return [finding("route", "info", "smart-host", `the configuration sends its mail by ${names}`)];
      }
      return isItsOwnHost(facts)
        ? [finding("route", "info", "implicit-mx", `${domain} has no MX records: it is its own mail host`)]
        : [finding("route", "ok", "mx-found", `its mail hosts, in order: ${names}`)];
  }
}

const isItsOwnHost = ({ domain, hosts }: DomainFacts) => hosts.length === 1 && hosts[0]?.name === domain;

const error = (code: string, says: string, todo: string) => finding("route", "error", code, says, todo);

/** What this relay makes of it, by the rules of its configuration. */
export function fateFindings(facts: DomainFacts, fate: Fate): Finding[] {
  const isProceeding = facts.answer?.kind === "unknown" && facts.ended === undefined;
  return [
    ...ruleFindings(facts),
    ...(isProceeding ? [PROCEEDING] : []),
    ...(fate.kind === "waits" ? [waits(facts)] : []),
  ];
}

function ruleFindings({ rule }: DomainFacts): Finding[] {
  if (rule.exception !== undefined) {
    const says = `an exception is in force: ${describeException(rule.exception)}`;
    return [finding("relay", "info", "operator-rule", says)];
  }
  if (rule.mtaSts === "optional") return [];
  const says = `a rule of this relay's configuration is in force: MTA-STS ${rule.mtaSts}`;
  return [finding("relay", "info", "operator-rule", says)];
}

const PROCEEDING = finding(
  "relay",
  "warning",
  "proceeds-unknown",
  "it is not known whether there is a policy, and the rules of this relay let mail go on without one",
);

function waits({ rule, answer }: DomainFacts): Finding {
  const advice =
    rule.mtaSts === "require"
      ? "The rule `require` of this relay's configuration asks for a policy; without it, ordinary care is taken."
      : answer?.kind === "policy" && answer.known.policy.mode === "enforce"
        ? "The domain's owner must mend it; until then its policy forbids the delivery."
        : "Messages are tried again until retry.lifetime is over.";
  return finding("relay", "error", "mail-waits", "mail to the domain waits here", advice);
}
