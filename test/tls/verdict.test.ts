import assert from "node:assert/strict";
import { test } from "node:test";
import { type Demand, type HandshakeFacts, judge, shortfall } from "../../src/tls/verdict.ts";

const NOW = Date.UTC(2030, 0, 1);
const DAY_MS = 86_400_000;

const GOOD: HandshakeFacts & { secured: true } = {
  secured: true,
  protocol: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  namesHost: true,
  injected: false,
  certificate: { names: ["mx.lab.test"], issuer: "lab", expiresAt: NOW + DAY_MS },
};
const nameless = { ...GOOD, certificate: { ...GOOD.certificate, names: [], issuer: "lab" }, namesHost: false };
const expired = { ...GOOD, certificate: { names: ["mx.lab.test"], issuer: "lab", expiresAt: NOW - 1 } };
const clear = (why: "not-offered" | "refused" | "handshake-failed" | "not-tried"): HandshakeFacts => ({
  secured: false,
  why,
  detail: `words for ${why}`,
});

const verdictOf = (demand: Demand, facts: HandshakeFacts): string => {
  const verdict = judge(demand, facts, NOW);
  return verdict.kind === "meets" ? "meets" : verdict.resultType;
};

test("each way to fall short of verified TLS has its RFC 8460 result type (STS-VAL-2, STS-VAL-3, RFC 8460 section 4.3)", () => {
  const cases: [string, HandshakeFacts, string][] = [
    ["good", GOOD, "meets"],
    ["TLS 1.2", { ...GOOD, protocol: "TLSv1.2" }, "meets"],
    ["TLS 1.1", { ...GOOD, protocol: "TLSv1.1" }, "validation-failure"],
    ["TLS 1.0", { ...GOOD, protocol: "TLSv1" }, "validation-failure"],
    ["SSL 3", { ...GOOD, protocol: "SSLv3" }, "validation-failure"],
    ["a version that is not known", { ...GOOD, protocol: "unknown" }, "validation-failure"],
    ["not offered", clear("not-offered"), "starttls-not-supported"],
    ["refused", clear("refused"), "starttls-not-supported"],
    ["not tried", clear("not-tried"), "starttls-not-supported"],
    ["handshake failed", clear("handshake-failed"), "validation-failure"],
    ["expired", { ...expired, chainError: "CERT_HAS_EXPIRED" }, "certificate-expired"],
    ["an issuer expired", { ...GOOD, chainError: "CERT_HAS_EXPIRED" }, "certificate-expired"],
    ["self-signed", { ...GOOD, chainError: "DEPTH_ZERO_SELF_SIGNED_CERT" }, "certificate-not-trusted"],
    ["self-signed root", { ...GOOD, chainError: "SELF_SIGNED_CERT_IN_CHAIN" }, "certificate-not-trusted"],
    ["unknown authority", { ...GOOD, chainError: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, "certificate-not-trusted"],
    ["not valid yet", { ...GOOD, chainError: "CERT_NOT_YET_VALID" }, "certificate-not-trusted"],
    ["revoked", { ...GOOD, chainError: "CERT_REVOKED" }, "certificate-not-trusted"],
    ["a code of the future", { ...GOOD, chainError: "SOMETHING_NEW" }, "certificate-not-trusted"],
    ["no certificate", { ...GOOD, chainError: "NO_CERTIFICATE", namesHost: false }, "certificate-not-trusted"],
    ["another name", { ...GOOD, namesHost: false }, "certificate-host-mismatch"],
    ["a name in the CN only", nameless, "certificate-host-mismatch"],
    ["injected", { ...GOOD, injected: true }, "validation-failure"],
  ];
  for (const [what, facts, expected] of cases) assert.equal(verdictOf({ tls: "verified" }, facts), expected, what);
});

test("the chain is judged before the name: a stranger's certificate is `not trusted` whatever it names", () => {
  const facts = { ...GOOD, chainError: "DEPTH_ZERO_SELF_SIGNED_CERT", namesHost: false };
  assert.equal(verdictOf({ tls: "verified" }, facts), "certificate-not-trusted");
});

test("a certificate that expired while its session was kept no longer meets (STS-VAL-3, STS-VAL-13)", () => {
  assert.equal(judge({ tls: "verified" }, GOOD, NOW + DAY_MS - 1).kind, "meets");
  assert.deepEqual(
    judge({ tls: "verified" }, GOOD, NOW + DAY_MS),
    shortfall("certificate-expired", "its certificate expired on 2030-01-02"),
  );
});

test("`encrypted` asks for TLS and no injection, and takes any certificate and version", () => {
  const untrusted = { ...GOOD, chainError: "DEPTH_ZERO_SELF_SIGNED_CERT", namesHost: false, protocol: "TLSv1" };
  assert.equal(verdictOf({ tls: "encrypted" }, untrusted), "meets");
  assert.equal(verdictOf({ tls: "encrypted" }, { ...GOOD, injected: true }), "validation-failure");
  assert.equal(verdictOf({ tls: "encrypted" }, clear("not-offered")), "starttls-not-supported");
});

test("`optional` is met by anything (RFC 7435)", () => {
  for (const facts of [GOOD, { ...GOOD, injected: true }, expired, clear("not-offered"), clear("handshake-failed")]) {
    assert.equal(verdictOf({ tls: "optional" }, facts), "meets");
  }
});

test("a violation known before stands, whatever the handshake proves (STS-VAL-6)", () => {
  const violation = shortfall("validation-failure", "the policy does not list this MX host");
  for (const tls of ["optional", "encrypted", "verified"] as const) {
    assert.equal(judge({ tls, violation }, GOOD, NOW), violation);
  }
});

test("the reason says in plain words what is wrong, and keeps the code for those who search for it", () => {
  const reasonOf = (facts: HandshakeFacts) => {
    const verdict = judge({ tls: "verified" }, facts, NOW);
    return verdict.kind === "meets" ? "" : verdict.reason;
  };
  assert.equal(reasonOf(nameless), "its certificate names no host in its subjectAltName");
  assert.equal(reasonOf({ ...GOOD, namesHost: false }), "its certificate is for mx.lab.test, not for this host");
  assert.equal(
    reasonOf({ ...GOOD, chainError: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
    "its certificate is self-signed (DEPTH_ZERO_SELF_SIGNED_CERT)",
  );
  assert.equal(reasonOf({ ...GOOD, chainError: "CERT_HAS_EXPIRED" }), "a certificate of its chain has expired");
  assert.equal(reasonOf(clear("refused")), "words for refused");
});
