/**
 * What must hold for a host before any of a message goes to it. Decided before
 * connecting, from values alone. Order of authority: the operator's rule, then
 * MTA-STS, then opportunistic TLS.
 * RFC 8461 section 5, RFC 7435 (opportunistic security).
 */
import type { Domain } from "../dns/answer.ts";
import type { PolicyAnswer } from "../mta-sts/answer.ts";
import { permits } from "../mta-sts/policy.ts";
import { type Shortfall, shortfall } from "./verdict.ts";

/**
 * The operator's rule for a recipient domain. `optional` uses a policy where one
 * is published. `require` delivers only under one: no policy and mode `none` are
 * refused, and mode `testing` is enforced. `disable` never uses one.
 */
export type OperatorRule = "optional" | "require" | "disable";

/** Where a requirement comes from. */
export type Authority =
  | { by: "operator"; rule: OperatorRule }
  | { by: "mta-sts"; mode: "enforce" | "testing"; id: string; fetchedAt: number; required: boolean }
  | { by: "login" }
  | { by: "nothing" };

export type ConnectRequirement = {
  kind: "connect";
  /** `optional`: TLS is tried, an unverified certificate will do, and clear text when TLS fails. */
  tls: "optional" | "encrypted" | "verified";
  proof: "none" | "webPki";
  /** A shortfall is logged and reported, and the delivery goes on as without a policy. */
  reportOnly: boolean;
  /** Falls short already, whatever the handshake proves (a host that a `testing` policy does not list). */
  violation?: Shortfall;
  authority: Authority;
};

export type RefuseRequirement = { kind: "refuse"; shortfall: Shortfall; authority: Authority };

export type HostRequirement = RefuseRequirement | ConnectRequirement;

export const OPPORTUNISTIC: ConnectRequirement = {
  kind: "connect",
  tls: "optional",
  proof: "none",
  reportOnly: false,
  authority: { by: "nothing" },
};

/** Credentials only go over a verified session, whatever the policies say. */
export const FOR_LOGIN: ConnectRequirement = {
  kind: "connect",
  tls: "verified",
  proof: "webPki",
  reportOnly: false,
  authority: { by: "login" },
};

/**
 * What `host`, named by the MX records of a domain, must prove. The answer
 * `unknown` refuses: whether a delivery may go on without knowing is decided
 * before (see `onDiscoveryFailure`), never by a host.
 */
export function requirementFor(host: Domain, rule: OperatorRule, answer: PolicyAnswer): HostRequirement {
  if (rule === "disable") return { ...OPPORTUNISTIC, authority: { by: "operator", rule } };
  if (answer.kind === "unknown") {
    return { kind: "refuse", shortfall: shortfall("validation-failure", answer.detail), authority: byOperator(rule) };
  }
  if (answer.kind === "none") return rule === "require" ? withoutPolicy(answer.detail) : OPPORTUNISTIC;
  const { policy, id, fetchedAt } = answer.known;
  if (policy.mode === "none") {
    return rule === "require" ? withoutPolicy("its MTA-STS policy asks for nothing (mode none)") : OPPORTUNISTIC;
  }
  const authority: Authority = { by: "mta-sts", mode: policy.mode, id, fetchedAt, required: rule === "require" };
  const listed = permits(policy, host);
  const unlisted = shortfall("validation-failure", "the domain's MTA-STS policy does not list this MX host");
  const verified = { kind: "connect", tls: "verified", proof: "webPki", authority } as const;
  if (policy.mode === "enforce" || rule === "require") {
    return listed ? { ...verified, reportOnly: false } : { kind: "refuse", shortfall: unlisted, authority };
  }
  return listed ? { ...verified, reportOnly: true } : { ...verified, reportOnly: true, violation: unlisted };
}

function withoutPolicy(detail: string): RefuseRequirement {
  const reason = `the operator's rule requires an MTA-STS policy: ${detail}`;
  return { kind: "refuse", shortfall: shortfall("validation-failure", reason), authority: byOperator("require") };
}

function byOperator(rule: OperatorRule): Authority {
  return { by: "operator", rule };
}

/** In a few words, for log and history: what was required, and by whom. */
export function describeRequirement(requirement: HostRequirement): string {
  const { authority } = requirement;
  switch (authority.by) {
    case "nothing":
      return "opportunistic TLS, no policy";
    case "login":
      return "verified TLS, because a password is sent";
    case "operator":
      return `operator rule ${authority.rule}`;
    case "mta-sts":
      return `MTA-STS ${authority.mode}, policy id ${authority.id}${authority.required ? ", required by the operator" : ""}`;
  }
}
