/** What is made of a host, from values alone. RFC 8461 sections 4.1 and 4.2. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AddressFacts, HostFacts, Proof } from "../../src/check/facts.ts";
import type { Severity } from "../../src/check/finding.ts";
import { hostFindings } from "../../src/check/host-findings.ts";
import type { Policy, PolicyMode } from "../../src/mta-sts/answer.ts";
import { NO_ROUTE } from "../../src/smtp/failure.ts";
import { type HostRequirement, OPPORTUNISTIC } from "../../src/tls/requirement.ts";
import { type HandshakeFacts, shortfall } from "../../src/tls/verdict.ts";

const NOW = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

const tls = (expiresAt: number): HandshakeFacts => ({
  secured: true,
  protocol: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  namesHost: true,
  injected: false,
  certificate: { names: ["mx.d.example"], issuer: "CA", expiresAt },
});
const inClear: HandshakeFacts = { secured: false, why: "not-offered", detail: "it does not offer STARTTLS" };

const good: Proof = { kind: "judged", verdict: { kind: "meets" }, facts: tls(NOW + 90 * DAY_MS) };
const expired: Proof = {
  kind: "judged",
  verdict: shortfall("certificate-expired", "its certificate expired on 2025-12-31"),
  facts: tls(NOW - DAY_MS),
};
const clear: Proof = {
  kind: "judged",
  verdict: shortfall("starttls-not-supported", "it does not offer STARTTLS"),
  facts: inClear,
};
const failed = (phase: "connect" | "greeting", detail: string): Proof => ({
  kind: "failed",
  failure: { phase, detail },
});
const closed = failed("connect", "it refuses connections");

const v4 = (proof: Proof, address = "192.0.2.1"): AddressFacts => ({ address, family: 4, proof });
const v6 = (proof: Proof): AddressFacts => ({ address: "2001:db8::1", family: 6, proof });
const host = (addresses: AddressFacts[], more: Partial<HostFacts> = {}): HostFacts => ({
  name: "mx.d.example",
  addresses,
  ...more,
});

const policy = (mode: PolicyMode, mx = ["mx.d.example"]): Policy => ({ mode, mx, maxAgeSeconds: 604_800 });
const authority = { by: "mta-sts", mode: "enforce", id: "1", fetchedAt: 0, rule: "optional" } as const;
const verified: HostRequirement = { kind: "connect", tls: "verified", proof: "webPki", reportOnly: false, authority };

const seen = (hosts: HostFacts[], asked?: Policy) =>
  hostFindings(hosts, asked, NOW).map(({ severity, code }): [Severity, string] => [severity, code]);

test("how much a host's fault matters follows from what the policy, or the operator, asks of it", () => {
  const cases: [what: string, hosts: HostFacts[], policy: Policy | undefined, expected: [Severity, string][]][] = [
    ["good", [host([v4(good)])], policy("enforce"), [["ok", "host-verified"]]],
    ["enforce", [host([v4(expired)])], policy("enforce"), [["error", "certificate-expired"]]],
    ["testing", [host([v4(expired)])], policy("testing"), [["warning", "certificate-expired"]]],
    ["none", [host([v4(expired)])], policy("none"), [["info", "certificate-expired"]]],
    ["no policy", [host([v4(expired)])], undefined, [["info", "certificate-expired"]]],
    ["no policy, in clear", [host([v4(clear)])], undefined, [["warning", "starttls-not-supported"]]],
    [
      "the operator asks for more",
      [host([v4(expired)], { requirement: verified })],
      policy("testing"),
      [["error", "certificate-expired"]],
    ],
    [
      "the operator asks for less",
      [host([v4(expired)], { requirement: OPPORTUNISTIC })],
      policy("enforce"),
      [["error", "certificate-expired"]],
    ],
    [
      "not listed",
      [host([v4(good)])],
      policy("enforce", ["*.d.example", "x.example"]),
      [
        ["ok", "host-verified"],
        ["info", "pattern-unused"],
      ],
    ],
    [
      "not listed",
      [host([v4(good)])],
      policy("enforce", ["x.example"]),
      [
        ["error", "mx-not-listed"],
        ["ok", "host-verified"],
        ["info", "pattern-unused"],
      ],
    ],
  ];
  for (const [what, hosts, asked, expected] of cases) assert.deepEqual(seen(hosts, asked), expected, what);
});

test("a host that cannot be reached is an error alone, and a warning beside another", () => {
  const other = host([v4(good)], { name: "mx2.d.example" });
  const lost = host([v4(closed)]);
  assert.deepEqual(seen([lost]), [["error", "host-unreachable"]]);
  assert.deepEqual(seen([lost, other]), [
    ["warning", "host-unreachable"],
    ["ok", "host-verified"],
  ]);
  assert.deepEqual(seen([host([v4(failed("greeting", "554"))])]), [["error", "host-refuses"]]);
  assert.deepEqual(seen([host([], { noAddress: "it has no address" })]), [["error", "host-without-address"]]);
});

test("an IPv6 address that fails is told by whose fault it is", () => {
  assert.deepEqual(seen([host([v6(closed), v4(good)])]), [
    ["warning", "aaaa-without-service"],
    ["ok", "host-verified"],
  ]);
  assert.deepEqual(seen([host([v6(failed("connect", NO_ROUTE)), v4(good)])]), [
    ["info", "no-ipv6-here"],
    ["ok", "host-verified"],
  ]);
  assert.deepEqual(seen([host([v6(closed), v4(closed)])]), [["error", "host-unreachable"]]);
});

test("addresses that fare alike are one finding", () => {
  const [finding, ...others] = hostFindings([host([v4(good), v4(good, "192.0.2.2")])], undefined, NOW);
  assert.match(finding?.says ?? "", /^mx\.d\.example at 192\.0\.2\.1, 192\.0\.2\.2: TLSv1\.3/);
  assert.deepEqual(others, []);
});

test("a certificate is warned of for its last fourteen days", () => {
  for (const [days, expected] of [
    [15, false],
    [13.9, true],
    [0.5, true],
  ] as const) {
    const proof: Proof = { kind: "judged", verdict: { kind: "meets" }, facts: tls(NOW + days * DAY_MS) };
    const codes = seen([host([v4(proof)])]).map(([, code]) => code);
    assert.equal(codes.includes("certificate-ends-soon"), expected, `${days} days`);
  }
});
