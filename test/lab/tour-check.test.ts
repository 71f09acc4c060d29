import assert from "node:assert/strict";
import { test } from "node:test";
import type { Expectation, TourOutcome } from "../../src/lab/lab-domain.ts";
import { type HostSight, problemWith } from "../../src/lab/tour-check.ts";

const told = (change: Partial<TourOutcome> = {}): TourOutcome => ({
  outcome: "delivered",
  tls: "verified",
  violation: false,
  reason: "taken",
  ...change,
});
const seen = (change: Partial<HostSight> = {}): HostSight => ({
  host: "mx.a.test",
  arrived: [],
  leakedBytes: 0,
  ...change,
});
const taken = seen({ arrived: [{ tls: "TLSv1.3" }], leakedBytes: 90 });
const inClear = seen({ arrived: [{ tls: undefined }], leakedBytes: 90 });

const DELIVERED: Expectation = { outcome: "delivered", tls: "verified" };
const WAITS: Expectation = { outcome: "deferred", tls: "none", reason: /starttls/i };
const waits = told({ outcome: "deferred", tls: "none", reason: "no STARTTLS" });
const TESTING: Expectation = { outcome: "delivered", tls: ["clear", "encrypted"], violation: true };

test("what the relay tells and what the hosts saw are both held against what must be (STS-VAL-4)", () => {
  const cases: [string, Expectation, TourOutcome, HostSight[], RegExp | undefined][] = [
    ["delivered", DELIVERED, told(), [taken], undefined],
    ["waits", WAITS, waits, [seen()], undefined],
    ["testing in clear", TESTING, told({ tls: "clear", violation: true }), [inClear], undefined],
    ["testing under TLS", TESTING, told({ tls: "encrypted", violation: true }), [taken], undefined],
    [
      "put off after RCPT",
      { outcome: "deferred", tls: "verified" },
      told({ outcome: "deferred" }),
      [seen({ leakedBytes: 9 })],
      undefined,
    ],
    ["mixed", { outcome: "mixed", tls: "verified" }, told({ outcome: "mixed" }), [taken], undefined],
    [
      "another outcome",
      DELIVERED,
      waits,
      [seen()],
      /deferred, and delivered is right; sent none, and verified is right/,
    ],
    ["less protection", DELIVERED, told({ tls: "encrypted" }), [taken], /sent encrypted, and verified is right/],
    ["a violation kept quiet", TESTING, told({ tls: "clear" }), [inClear], /no violation was logged/],
    ["a violation that is none", DELIVERED, told({ violation: true }), [taken], /a violation was logged that is none/],
    ["another reason", WAITS, { ...waits, reason: "who knows" }, [seen()], /the reason does not say starttls/],
    ["said and not done", DELIVERED, told(), [seen()], /at none of the domain's hosts/],
    ["done and not said", WAITS, waits, [taken], /has arrived all the same; mx\.a\.test learnt 90 bytes/],
    ["twice", DELIVERED, told(), [taken, taken], /arrived 2 times/],
    ["only the envelope leaked", WAITS, waits, [seen({ leakedBytes: 30 })], /mx\.a\.test learnt 30 bytes/],
    ["in clear, and called verified", DELIVERED, told(), [inClear], /says verified, and the message came in clear/],
    [
      "under TLS, and called clear",
      TESTING,
      told({ tls: "clear", violation: true }),
      [taken],
      /says clear, and the message came under TLS/,
    ],
    [
      "the failing host of two learnt it",
      { ...DELIVERED, nothingAt: ["mx1.a.test"] },
      told(),
      [seen({ host: "mx1.a.test", leakedBytes: 1 }), taken],
      /mx1\.a\.test learnt 1 bytes/,
    ],
  ];
  for (const [what, expect, tale, sight, problem] of cases) {
    const found = problemWith(expect, tale, sight);
    if (problem === undefined) assert.equal(found, undefined, what);
    else assert.match(found ?? "", problem, what);
  }
});
