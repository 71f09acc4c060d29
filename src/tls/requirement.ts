/**
 * What must hold for a host before any of a message goes to it. Decided before
 * connecting, from values alone. Order of authority: the operator's rule (an
 * exception set at run time before the configured one), then MTA-STS, then
 * opportunistic TLS.
 * RFC 8461 section 5, RFC 7435 (opportunistic security).
 */
import type { Domain } from "../dns/answer.ts";
import type { PolicyAnswer } from "../mta-sts/answer.ts";
import { permits } from "../mta-sts/policy.ts";
import { describeException, type Exception } from "./exception.ts";
import { type Shortfall, shortfall } from "./verdict.ts";

/**
 * The operator's rule for a recipient domain. `optional` uses a policy where one
 * is published. `require` delivers only under one: no policy and mode `none` are
 * refused, and mode `testing` is enforced. `testing` reports what a policy would
 * refuse, and delivers. `disable` never uses one.
 */
export type OperatorRule = "optional" | "require" | "testing" | "disable";

/** Where a requirement comes from. */
export type Authority =
  | { by: "operator"; rule: OperatorRule | "pin"; exception?: Exception }
  | {
      by: "mta-sts";
      mode: "enforce" | "testing";
      id: string;
      fetchedAt: number;
      /** The operator's rule makes the policy bind, or only report, whatever its mode. */
      rule: OperatorRule;
      exception?: Exception;
    }
  | { by: "login" }
  /** The message is to be delivered whatever a policy asks for. RFC 8689. */
  | { by: "message" }
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

/** For a message that says `TLS-Required: No`. RFC 8689 section 5. */
export const WAIVED: ConnectRequirement = { ...OPPORTUNISTIC, authority: { by: "message" } };

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
 *
 * @param rule the one in force: that of `exception`, where it has one
 * @param exception set at run time for the recipient domain
 */
export function requirementFor(
  host: Domain,
  rule: OperatorRule,
  answer: PolicyAnswer,
  exception?: Exception,
): HostRequirement {
  const set = exception === undefined ? {} : { exception };
  if (exception?.what.kind === "pin") return pinned(host, exception.what.mx, { by: "operator", rule: "pin", ...set });
  const byOperator: Authority = { by: "operator", rule, ...set };
  const unbound = exception === undefined ? OPPORTUNISTIC : { ...OPPORTUNISTIC, authority: byOperator };
  if (rule === "disable") return { ...OPPORTUNISTIC, authority: byOperator };
  if (answer.kind === "unknown") {
    return { kind: "refuse", shortfall: shortfall("validation-failure", answer.detail), authority: byOperator };
  }
  if (answer.kind === "none") return rule === "require" ? withoutPolicy(answer.detail, byOperator) : unbound;
  const { policy, id, fetchedAt } = answer.known;
  if (policy.mode === "none") {
    const detail = "its MTA-STS policy asks for nothing (mode none)";
    return rule === "require" ? withoutPolicy(detail, byOperator) : unbound;
  }
  const authority: Authority = { by: "mta-sts", mode: policy.mode, id, fetchedAt, rule, ...set };
  const binds = rule === "require" || (policy.mode === "enforce" && rule !== "testing");
  const unlisted = shortfall("validation-failure", "the domain's MTA-STS policy does not list this MX host");
  const listed = permits(policy, host);
  if (binds && !listed) return { kind: "refuse", shortfall: unlisted, authority };
  return { ...verified(authority), reportOnly: !binds, ...(listed ? {} : { violation: unlisted }) };
}

/** A pinned host proves what an enforced policy would ask of it; no other host is connected to. */
function pinned(host: Domain, mx: Domain[], authority: Authority): HostRequirement {
  // Names are matched as those of a policy are. RFC 8461 section 4.1.
  if (permits({ mode: "enforce", mx, maxAgeSeconds: 0 }, host)) return verified(authority);
  const reason =
    mx.length === 0 ? "the operator pinned no MX host" : `the operator lets mail go to ${mx.join(", ")} only`;
  return { kind: "refuse", shortfall: shortfall("validation-failure", reason), authority };
}

const verified = (authority: Authority): ConnectRequirement => ({
  kind: "connect",
  tls: "verified",
  proof: "webPki",
  reportOnly: false,
  authority,
});

function withoutPolicy(detail: string, authority: Authority): RefuseRequirement {
  const reason = `the operator's rule requires an MTA-STS policy: ${detail}`;
  return { kind: "refuse", shortfall: shortfall("validation-failure", reason), authority };
}

/** In a few words, for log and history: what was required, and by whom. */
export function describeRequirement(requirement: HostRequirement): string {
  const { authority } = requirement;
  switch (authority.by) {
    case "nothing":
      return "opportunistic TLS, no policy";
    case "message":
      return "opportunistic TLS, because the message says TLS-Required: No";
    case "login":
      return "verified TLS, because a password is sent";
    case "operator":
      return `operator rule ${authority.rule}${exceptionWords(authority.exception)}`;
    case "mta-sts":
      return `MTA-STS ${authority.mode}, policy id ${authority.id}${ruleWords(authority.rule)}${exceptionWords(authority.exception)}`;
  }
}

function ruleWords(rule: OperatorRule): string {
  if (rule === "require") return ", required by the operator";
  return rule === "testing" ? ", only reported, by the operator's rule testing" : "";
}

const exceptionWords = (exception: Exception | undefined) =>
  exception === undefined ? "" : ` (exception: ${describeException(exception)})`;
