/**
 * What the operator wants for one recipient domain. Each setting comes from the
 * narrowest entry that has it: an entry that gives a domain a smart host does
 * not take away the `require` that a wider entry asks for.
 */
import type { Domain } from "../dns/answer.ts";
import type { Config, DomainRule, Route } from "./config.ts";

export type EffectiveRule = {
  mtaSts: Config["mtaSts"]["rule"];
  onDiscoveryFailure: Config["mtaSts"]["onDiscoveryFailure"];
  /** `undefined`: to the domain's own MX hosts. */
  route: Route | undefined;
  /** Of the destination, in this process. */
  limits: { maxSessions?: number; perMinute?: number };
};

type Rules = Pick<Config, "domains" | "mtaSts">;

/** By configuration: each message asks several times, and a configuration does not change, it is replaced. */
const remembered = new WeakMap<Rules, Map<Domain, EffectiveRule>>();
const MOST_REMEMBERED = 10_000;

/** `domain` as A-labels in lower case; an address literal in brackets matches `*` alone. */
export function domainRule(config: Rules, domain: Domain): EffectiveRule {
  let known = remembered.get(config);
  if (known === undefined || known.size >= MOST_REMEMBERED) {
    known = new Map();
    remembered.set(config, known);
  }
  let rule = known.get(domain);
  if (rule === undefined) {
    rule = findRule(config, domain);
    known.set(domain, rule);
  }
  return rule;
}

function findRule(config: Rules, domain: Domain): EffectiveRule {
  const entries = narrowestFirst(domain).flatMap((key) =>
    Object.hasOwn(config.domains, key) ? [config.domains[key] as DomainRule] : [],
  );
  const first = <Key extends keyof DomainRule>(key: Key) => entries.find((entry) => entry[key] !== undefined)?.[key];
  const route = first("route");
  const [maxSessions, perMinute] = [first("maxSessions"), first("maxPerMinute")];
  return {
    limits: {
      ...(maxSessions === undefined ? {} : { maxSessions }),
      ...(perMinute === undefined ? {} : { perMinute }),
    },
    mtaSts: first("mtaSts") ?? config.mtaSts.rule,
    onDiscoveryFailure: {
      ...config.mtaSts.onDiscoveryFailure,
      action: first("onDiscoveryFailure") ?? config.mtaSts.onDiscoveryFailure.action,
    },
    route: route === "direct" ? undefined : route,
  };
}

/** `a.b.example` is matched by `a.b.example`, `*.b.example`, `*.example` and `*`, in this order. */
function narrowestFirst(domain: Domain): string[] {
  if (domain.startsWith("[")) return ["*"];
  const labels = domain.split(".");
  const parents = labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join(".")}`);
  return [domain, ...parents, "*"];
}
