import assert from "node:assert/strict";
import { test } from "node:test";
import { type HostMet, sessionResult } from "../../src/delivery/tls-result.ts";
import type { PolicyAnswer, PolicyMode } from "../../src/mta-sts/answer.ts";
import { requirementFor, type OperatorRule } from "../../src/tls/requirement.ts";
import type { HandshakeFacts } from "../../src/tls/verdict.ts";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const DOMAIN = "example.com";

const proved: HandshakeFacts = { secured: true, protocol: "TLSv1.3", cipher: "x", namesHost: true, injected: false };
const facts = {
  proved,
  "wrong name": { ...proved, namesHost: false },
  expired: { ...proved, chainError: "CERT_HAS_EXPIRED" },
  untrusted: { ...proved, chainError: "SELF_SIGNED_CERT_IN_CHAIN" },
  old: { ...proved, protocol: "TLSv1.1" },
  "no offer": { secured: false, why: "not-offered", detail: "it does not offer STARTTLS" },
  refused: { secured: false, why: "refused", detail: "it said 454" },
  "broken off": { secured: false, why: "handshake-failed", detail: "no common version" },
} satisfies Record<string, HandshakeFacts>;

function under(mode: PolicyMode, mx = "mx.example.com"): PolicyAnswer {
  const text = `version: STSv1\nmode: ${mode}\nmx: ${mx}\nmax_age: 86400\n`;
  const policy = { mode, mx: [mx], maxAgeSeconds: 86_400 };
  const known = { domain: DOMAIN, id: "1", policy, text, fetchedAt: NOW, expiresAt: NOW + 86_400_000 };
  return { kind: "policy", known, recordChecked: "same" };
}
const none: PolicyAnswer = { kind: "none", because: "no-record", detail: "" };
const unfetched: PolicyAnswer = {
  kind: "none",
  because: "fetch-failed",
  detail: "",
  failure: { resultType: "sts-policy-fetch-error", detail: "mta-sts.example.com: it answered with status 404" },
};
const unlisted = under("enforce", "other.example.com");

function resultOf(answer: PolicyAnswer, what: keyof typeof facts | "refused before", rule: OperatorRule = "optional") {
  const requirement = requirementFor("mx.example.com", rule, answer);
  const met: HostMet = { host: "mx.example.com", requirement };
  const contact = { localAddress: "192.0.2.9", helo: "mx" };
  const whole = what === "refused before" ? met : { ...met, address: "192.0.2.1", facts: facts[what], contact };
  return sessionResult(DOMAIN, answer, whole, NOW);
}

test("a session is a success or a failure of a type under the policy that was applied (RPT-COL-1, RPT-COL-3, RPT-COL-4)", () => {
  const cases: [PolicyAnswer, keyof typeof facts | "refused before", string][] = [
    [under("enforce"), "proved", "sts ok"],
    [under("enforce"), "wrong name", "sts certificate-host-mismatch"],
    [under("enforce"), "expired", "sts certificate-expired"],
    [under("enforce"), "untrusted", "sts certificate-not-trusted"],
    [under("enforce"), "old", "sts validation-failure"],
    [under("enforce"), "no offer", "sts starttls-not-supported"],
    [under("enforce"), "refused", "sts starttls-not-supported"],
    [under("enforce"), "broken off", "sts validation-failure"],
    [unlisted, "refused before", "sts validation-failure"],
    [under("testing"), "proved", "sts ok"],
    [under("testing"), "wrong name", "sts certificate-host-mismatch"],
    [under("testing"), "no offer", "sts starttls-not-supported"],
    [under("testing", "other.example.com"), "proved", "sts validation-failure"],
    [under("none"), "untrusted", "sts ok"],
    [under("none"), "no offer", "sts starttls-not-supported"],
    [none, "proved", "no-policy-found ok"],
    [none, "untrusted", "no-policy-found ok"],
    [none, "no offer", "no-policy-found starttls-not-supported"],
    [none, "broken off", "no-policy-found validation-failure"],
    [unfetched, "proved", "no-policy-found sts-policy-fetch-error"],
    [unfetched, "no offer", "no-policy-found sts-policy-fetch-error"],
  ];
  for (const [answer, what, expected] of cases) {
    const result = resultOf(answer, what);
    assert.equal(
      `${result?.policy.type} ${result?.failure?.resultType ?? "ok"}`,
      expected,
      `${JSON.stringify(answer)} ${what}`,
    );
  }
});

test("a failure tells who spoke with whom, and why (RPT-COL-2)", () => {
  assert.deepEqual(resultOf(under("enforce"), "no offer")?.failure, {
    resultType: "starttls-not-supported",
    receivingMxHostname: "mx.example.com",
    receivingIp: "192.0.2.1",
    sendingMtaIp: "192.0.2.9",
    receivingMxHelo: "mx",
    reason: "it does not offer STARTTLS",
  });
});

test("what our own operator's rule refuses is no fault of the domain's; a policy that could not be fetched is", () => {
  assert.equal(resultOf(none, "refused before", "require"), undefined);
  assert.equal(resultOf(under("none"), "refused before", "require"), undefined);
  assert.equal(resultOf(unfetched, "refused before", "require")?.failure?.resultType, "sts-policy-fetch-error");
});
