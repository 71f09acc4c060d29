import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyEvent, PolicyMode } from "../../src/mta-sts/answer.ts";
import { policyFailure } from "../../src/tlsrpt/policy-failure.ts";

const DOMAIN = "example.com";
const failure = { resultType: "sts-webpki-invalid", detail: "its certificate expired" } as const;

function cached(mode: PolicyMode) {
  const text = `version: STSv1\nmode: ${mode}\nmx: mx.example.com\nmax_age: 1\n`;
  return {
    domain: DOMAIN,
    id: "1",
    policy: { mode, mx: ["mx.example.com"], maxAgeSeconds: 1 },
    text,
    fetchedAt: 0,
    expiresAt: 1,
  };
}

test("a policy that cannot be fetched anew while one is in force is a failure under that one, except in mode none (RPT-COL-4, RFC 8461 section 10.2)", () => {
  const cases: [string, PolicyEvent, boolean][] = [
    [
      "a new id, enforce cached",
      { kind: "fetch-failed", domain: DOMAIN, id: "2", failure, cached: cached("enforce") },
      true,
    ],
    [
      "a new id, testing cached",
      { kind: "fetch-failed", domain: DOMAIN, id: "2", failure, cached: cached("testing") },
      true,
    ],
    [
      "a new id, none cached",
      { kind: "fetch-failed", domain: DOMAIN, id: "2", failure, cached: cached("none") },
      false,
    ],
    [
      "nothing cached: the sessions tell",
      { kind: "fetch-failed", domain: DOMAIN, id: "2", failure, cached: undefined },
      false,
    ],
    ["a refresh", { kind: "refresh-failed", domain: DOMAIN, detail: "x", cached: cached("enforce"), failure }, true],
    [
      "a refresh in mode none",
      { kind: "refresh-failed", domain: DOMAIN, detail: "x", cached: cached("none"), failure },
      false,
    ],
    [
      "no record to fetch by",
      { kind: "refresh-failed", domain: DOMAIN, detail: "x", cached: cached("enforce") },
      false,
    ],
    ["found", { kind: "found", known: cached("enforce") }, false],
  ];
  for (const [what, event, reported] of cases) {
    const result = policyFailure(event, 5);
    assert.equal(result !== undefined, reported, what);
    if (result === undefined) continue;
    assert.deepEqual(result.failure, { resultType: "sts-webpki-invalid", reason: "its certificate expired" });
    assert.equal(result.policy.type, "sts");
    assert.equal(result.domain, DOMAIN);
  }
});
