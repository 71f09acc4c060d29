/** Values that the tests of operating share. */
import type { SessionSeen } from "../../src/delivery/session-seen.ts";
import type { KnownPolicy, Policy } from "../../src/mta-sts/answer.ts";
import type { Exception } from "../../src/tls/exception.ts";
import { type ConnectRequirement, OPPORTUNISTIC } from "../../src/tls/requirement.ts";
import type { HandshakeFacts } from "../../src/tls/verdict.ts";

export const NOW = Date.parse("2026-11-22T10:00:00Z");
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

export function knownPolicy(change: Partial<Policy> = {}, domain = "a.example"): KnownPolicy {
  const policy: Policy = { mode: "enforce", mx: ["mx.a.example"], maxAgeSeconds: 604_800, ...change };
  return { domain, id: "1", policy, text: JSON.stringify(policy), fetchedAt: NOW, expiresAt: NOW + 7 * DAY };
}

export const exceptionFor = (domain: string, change: Partial<Exception> = {}): Exception => ({
  domain,
  what: { kind: "mta-sts", rule: "disable" },
  by: "anna@mail",
  reason: "their certificate ran out",
  setAt: NOW,
  until: NOW + HOUR,
  ...change,
});

const AUTHORITY = { by: "mta-sts", mode: "enforce", id: "1", fetchedAt: NOW, rule: "optional" } as const;
export const ENFORCED: ConnectRequirement = {
  kind: "connect",
  tls: "verified",
  proof: "webPki",
  reportOnly: false,
  authority: AUTHORITY,
};
export const REPORTED: ConnectRequirement = { ...ENFORCED, reportOnly: true };
export { OPPORTUNISTIC };

export const encrypted = (expiresAt = NOW + 90 * DAY): HandshakeFacts => ({
  secured: true,
  protocol: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  namesHost: true,
  injected: false,
  certificate: { names: ["mx.a.example"], issuer: "an authority", expiresAt },
});

export const inTheClear: HandshakeFacts = { secured: false, why: "not-offered", detail: "STARTTLS is not offered" };

export const session = (change: Partial<SessionSeen> = {}): SessionSeen => ({
  domain: "a.example",
  host: "mx.a.example",
  address: "192.0.2.1",
  requirement: ENFORCED,
  facts: encrypted(),
  at: NOW,
  ...change,
});
