import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Policy } from "../../src/mta-sts/answer.ts";
import { parsePolicy } from "../../src/mta-sts/policy.ts";
import { formatPolicy } from "../../src/mta-sts/policy-text.ts";

test("a policy is written as the RFC writes its example, with CRLF (RFC 8461 section 3.2)", () => {
  const policy: Policy = { mode: "enforce", mx: ["mail.example.com", "*.example.net"], maxAgeSeconds: 604_800 };
  assert.equal(
    formatPolicy(policy),
    "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n",
  );
  assert.equal(
    formatPolicy({ mode: "none", mx: [], maxAgeSeconds: 86_400 }),
    "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n",
  );
});

test("what is written is read back (STS-POL-1, STS-POL-2, STS-POL-3)", () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,20}$/);
  const host = fc
    .tuple(fc.boolean(), fc.array(label, { minLength: 1, maxLength: 4 }))
    .map(([wildcard, labels]) => `${wildcard ? "*." : ""}${labels.join(".")}.test`);
  const policy: fc.Arbitrary<Policy> = fc.record(
    {
      mode: fc.constantFrom("enforce", "testing", "none"),
      mx: fc.array(host, { minLength: 1, maxLength: 5 }),
      maxAgeSeconds: fc.integer({ min: 0, max: 31_557_600 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(policy, (written) => {
      assert.deepEqual(parsePolicy(formatPolicy(written)), { kind: "policy", policy: written });
    }),
  );
});
