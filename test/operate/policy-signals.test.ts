import assert from "node:assert/strict";
import { test } from "node:test";
import type { Policy, PolicyEvent } from "../../src/mta-sts/answer.ts";
import { newsOfPolicy } from "../../src/operate/policy-signals.ts";
import { DAY, knownPolicy, NOW } from "./support.ts";

const known = knownPolicy();
const leaving = knownPolicy({ mode: "none" });
const DOMAIN = "a.example";
const failure = { resultType: "sts-policy-fetch-error", detail: "status 503" } as const;
const fetchFailed = (cached: typeof known | undefined): PolicyEvent => ({
  kind: "fetch-failed",
  domain: DOMAIN,
  id: "2",
  failure,
  cached,
});
const changed = (before: Partial<Policy>, after: Partial<Policy>): PolicyEvent => ({
  kind: "changed",
  before: knownPolicy(before),
  after: knownPolicy(after),
  weaker: undefined,
});

test("which news of a policy raise and clear which incidents (RFC 8461 section 10.2)", () => {
  const fetched = ["refresh-failing", "record-gone"];
  const cases: [what: string, event: PolicyEvent, raise: string[], clear: string[]][] = [
    ["found", { kind: "found", known }, [], fetched],
    ["renewed", { kind: "renewed", known }, [], fetched],
    ["stronger", changed({ mode: "testing" }, {}), [], [...fetched, "policy-weakened"]],
    ["enforce to testing", changed({}, { mode: "testing" }), ["policy-weakened"], [...fetched, "policy-weakened"]],
    ["enforce to none", changed({}, { mode: "none" }), ["policy-weakened"], [...fetched, "policy-weakened"]],
    ["another mx", changed({}, { mx: ["mx.evil.example"] }), ["policy-weakened"], [...fetched, "policy-weakened"]],
    ["a shorter life", changed({}, { maxAgeSeconds: 60 }), [], [...fetched, "policy-weakened"]],
    ["out of none", changed({ mode: "none" }, {}), [], [...fetched, "policy-weakened"]],
    ["fetch failed, cached", fetchFailed(known), ["refresh-failing"], []],
    ["fetch failed, nothing cached", fetchFailed(undefined), [], []],
    ["fetch failed, mode none", fetchFailed(leaving), [], []],
    ["refresh failed", { kind: "refresh-failed", domain: DOMAIN, detail: "", cached: known }, ["refresh-failing"], []],
    [
      "refresh failed, no record",
      { kind: "refresh-failed", domain: DOMAIN, detail: "", cached: known, recordGone: true },
      ["refresh-failing", "record-gone"],
      [],
    ],
    ["refresh failed, mode none", { kind: "refresh-failed", domain: DOMAIN, detail: "", cached: leaving }, [], []],
    ["record gone", { kind: "record-gone", domain: DOMAIN, cached: known }, ["record-gone"], []],
    ["record gone, mode none", { kind: "record-gone", domain: DOMAIN, cached: leaving }, [], []],
    ["record unusable", { kind: "record-unusable", domain: DOMAIN, detail: "", cached: known }, ["record-gone"], []],
    ["record unusable, no policy", { kind: "record-unusable", domain: DOMAIN, detail: "", cached: undefined }, [], []],
    ["store away", { kind: "store-failed", domain: DOMAIN, doing: "reading", cause: undefined }, [], []],
  ];
  for (const [what, event, raise, clear] of cases) {
    const news = newsOfPolicy(event, NOW);
    assert.deepEqual(
      news.raise.map(({ cause }) => cause),
      raise,
      what,
    );
    assert.deepEqual(
      news.clear.map(({ cause }) => cause),
      clear,
      what,
    );
    for (const { subject } of [...news.raise, ...news.clear]) assert.equal(subject, DOMAIN, what);
  }
});

test("a refresh that fails is an incident after a day, and ends with the policy", () => {
  const [signal] = newsOfPolicy({ kind: "refresh-failed", domain: DOMAIN, detail: "x", cached: known }, NOW).raise;
  assert.deepEqual([signal?.opensAfterMs, signal?.endsAt], [DAY, known.expiresAt]);
});

test("a weaker policy is over when the domain is as strong again as it was at first", () => {
  const [weak] = newsOfPolicy(changed({}, { mode: "testing" }), NOW).raise;
  const undone = (policy: Partial<Policy>) =>
    newsOfPolicy(changed({ mode: "testing" }, policy), NOW)
      .clear.find(({ cause }) => cause === "policy-weakened")
      ?.undoes?.(weak?.baseline);
  assert.equal(undone({ mode: "none" }), false);
  assert.equal(undone({ mode: "testing", maxAgeSeconds: 60 }), false);
  assert.equal(undone({ mode: "enforce", mx: ["other.example"] }), false);
  assert.equal(undone({ mode: "enforce" }), true);
});
