/** Every domain of the lab, checked: how bad it is, and what is found. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Severity } from "../../src/check/finding.ts";
import type { CheckResult } from "../../src/check/result.ts";
import type { Fate } from "../../src/check/route-findings.ts";
import { startLab } from "../../src/lab/lab.ts";
import { until } from "../store/support.ts";
import { labCheck, problems } from "./support/lab-check.ts";

type Expected = [worst: Severity, message: Fate["kind"], ...problems: string[]];

const FINE: Expected = ["info", "sent"];
const WAITS = (code: string): Expected => ["error", "waits", code, "mail-waits"];
/** Testing mode without TLSRPT is a warning of its own. */
const TESTED = (code: string): Expected => ["warning", "sent", code, "tlsrpt-missing"];
const WITHOUT = (code: string): Expected => ["error", "sent", code];
const NO_TLS = "starttls-not-supported";

const FAULTS = {
  "no-tls.test": NO_TLS,
  "starttls-454.test": NO_TLS,
  "starttls-554.test": NO_TLS,
  "stripped.test": NO_TLS,
  "injected.test": "validation-failure",
  "self-signed.test": "certificate-not-trusted",
  "other-ca.test": "certificate-not-trusted",
  "expired.test": "certificate-expired",
  "not-yet-valid.test": "certificate-not-trusted",
  "wrong-name.test": "certificate-host-mismatch",
  "cn-only.test": "certificate-host-mismatch",
  "partial-wildcard.test": "certificate-host-mismatch",
  "old-tls.test": "validation-failure",
  "mx-not-listed.test": "mx-not-listed",
  "wildcard-two.test": "mx-not-listed",
};

const EXPECTED: Record<string, Expected> = {
  "good-enforce.test": FINE,
  "good-testing.test": ["warning", "sent", "tlsrpt-missing"],
  "wildcard-one.test": FINE,
  "wildcard-certificate.test": FINE,
  "second-mx-good.test": ["error", "sent", "certificate-expired"],
  "first-mx-down.test": ["warning", "sent", "host-unreachable"],
  "implicit-mx.test": FINE,
  "dual-stack.test": FINE,
  ...Object.fromEntries(Object.entries(FAULTS).map(([domain, code]) => [domain, WAITS(code)])),
  ...Object.fromEntries(Object.entries(FAULTS).map(([domain, code]) => [`testing-${domain}`, TESTED(code)])),
  "mode-none.test": FINE,
  "no-policy.test": FINE,
  "no-policy-no-tls.test": ["warning", "sent", NO_TLS],
  "no-policy-starttls-454.test": ["warning", "sent", NO_TLS],
  "child.good-enforce.test": FINE,
  "split-txt.test": WAITS(NO_TLS),
  "cname-txt.test": WAITS(NO_TLS),
  "foreign-txt.test": WAITS(NO_TLS),
  "extended-txt.test": WAITS(NO_TLS),
  "two-records.test": ["error", "sent", "record-unusable", NO_TLS],
  "txt-without-id.test": ["error", "sent", "record-unusable", NO_TLS],
  "txt-of-version-2.test": ["error", "sent", "record-not-counted", "policy-without-record", NO_TLS],
  "txt-in-lower-case.test": ["error", "sent", "record-not-counted", "policy-without-record", NO_TLS],
  "servfail-txt.test": ["error", "waits", "record-unknown", NO_TLS, "mail-waits"],
  "timeout-txt.test": ["error", "waits", "record-unknown", NO_TLS, "mail-waits"],
  "policy-redirect.test": WITHOUT("policy-redirect"),
  "policy-404.test": WITHOUT("policy-status"),
  "policy-500.test": WITHOUT("policy-status"),
  "policy-html.test": WITHOUT("policy-media-type"),
  "policy-too-big.test": WITHOUT("policy-answer"),
  "policy-drip.test": WITHOUT("policy-unreachable"),
  "policy-unparsable.test": WITHOUT("policy-invalid"),
  "policy-bad-mode.test": WITHOUT("policy-invalid"),
  "policy-no-mx.test": WITHOUT("policy-invalid"),
  "policy-self-signed.test": WITHOUT("policy-certificate-untrusted"),
  "policy-expired.test": WITHOUT("policy-certificate-expired"),
  "policy-wrong-name.test": WITHOUT("policy-certificate-name"),
  "policy-cn-only.test": WITHOUT("policy-certificate-name"),
  "policy-other-ca.test": WITHOUT("policy-certificate-untrusted"),
  "policy-private-address.test": WITHOUT("policy-address-refused"),
  "policy-unreachable.test": WITHOUT("policy-unreachable"),
  "id-changes.test": FINE,
  "enforce-to-none.test": FINE,
  "record-vanishes.test": FINE,
  "policy-host-breaks.test": FINE,
  "greylisted.test": FINE,
  "mixed-recipients.test": FINE,
  "drop-in-data.test": FINE,
  "null-mx.test": ["info", "bounces"],
};

test("each domain of the lab has the findings that it was made for (RFC 8461, RFC 8460 section 4.3)", async (t) => {
  await using lab = await startLab();
  const check = labCheck(lab);
  // One fetch of these has to run into its time limit, so not one by one; not all at once, or others would too.
  const rest = Object.keys(EXPECTED).values();
  const results: CheckResult[] = [];
  const worker = async () => {
    for (const domain of rest) results.push(await check(domain));
  };
  await Promise.all(Array.from({ length: 6 }, worker));
  for (const result of results) {
    await t.test(result.domain, () => {
      const seen = [result.severity, result.fate?.kind, ...problems(result)];
      assert.deepEqual(seen, EXPECTED[result.domain], JSON.stringify(result.findings, undefined, 1));
    });
  }
  await t.test("no domain of the lab is left out", () => {
    assert.deepEqual(
      lab.domains.map(({ name }) => name).filter((name) => !(name in EXPECTED)),
      [],
    );
  });
  const sessions = lab.domains.flatMap(({ name }) => lab.hostsOf(name).flatMap((host) => host.sessions));
  await t.test("hosts hear EHLO, STARTTLS, EHLO and QUIT, and nothing of a message", () => {
    const lines = sessions.flatMap(({ commands }) => commands.map(({ line }) => line));
    assert.ok(lines.length > 100);
    assert.deepEqual(
      lines.filter((line) => !/^(EHLO relay\.test|STARTTLS|QUIT)$/.test(line)),
      [],
    );
  });
  await t.test("no session is left open", () => until(() => sessions.every(({ open }) => !open), "all sessions end"));
});
