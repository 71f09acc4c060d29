/** A check that lives in the lab. */
import { type CheckDomain, type CheckParts, createCheck } from "../../../src/check/check.ts";
import type { CheckResult } from "../../../src/check/result.ts";
import type { DomainRule } from "../../../src/delivery/domain-rules.ts";
import { createAddressGuard } from "../../../src/dns/address-guard.ts";
import { createResolver } from "../../../src/dns/resolver.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { createPolicyFetch } from "../../../src/mta-sts/policy-fetch.ts";
import { openSession } from "../../../src/smtp/session.ts";
import { createTrust } from "../../../src/tls/trust.ts";
import { createMemoryPolicyStore } from "../../support/memory-policy-store.ts";

export const RULE: DomainRule = {
  mtaSts: "optional",
  onDiscoveryFailure: { action: "defer", deferForMs: 3_600_000 },
  route: undefined,
};

export function labCheck(lab: Lab, change: Partial<CheckParts> = {}): CheckDomain {
  const { settings } = lab;
  const dns = createResolver({ servers: settings.dnsServers, timeoutMs: 200, tries: 1 });
  const guard = createAddressGuard({ allow: [...settings.allow, "::1/128"] });
  const trust = createTrust(settings.caPem);
  return createCheck({
    dns,
    guard,
    trust,
    fetchPolicy: createPolicyFetch({
      dns,
      guard,
      port: settings.policyPort,
      secureContext: trust.strict,
      timeoutMs: 700,
    }),
    port: settings.deliveryPort,
    hostname: "relay.test",
    ipv6: true,
    sourceAddress: {},
    limits: { setupTimeoutMs: 2000, commandTimeoutMs: 60_000, dataTimeoutMs: 60_000 },
    openSession,
    ruleOf: () => RULE,
    cache: createMemoryPolicyStore(),
    now: Date.now,
    timeoutMs: 20_000,
    ...change,
  });
}

/** The codes of what matters, in the order in which they were found. */
export const problems = ({ findings }: CheckResult): string[] =>
  findings.filter(({ severity }) => severity === "warning" || severity === "error").map(({ code }) => code);

export const codes = ({ findings }: CheckResult): string[] => findings.map(({ code }) => code);
