import assert from "node:assert/strict";
import { test } from "node:test";
import type { NoPolicyReason, PolicyAnswer, PolicyMode } from "../../src/mta-sts/answer.ts";
import type { Exception } from "../../src/tls/exception.ts";
import {
  describeRequirement,
  type HostRequirement,
  type OperatorRule,
  requirementFor,
} from "../../src/tls/requirement.ts";

const RULES = ["optional", "require", "testing", "disable"] as const;
const REASONS: NoPolicyReason[] = ["no-record", "bad-record", "fetch-failed", "not-a-domain"];

function policy(mode: PolicyMode, mx = ["mx1.lab.example", "*.pool.lab.example"]): PolicyAnswer {
  const body = { mode, mx, maxAgeSeconds: 86_400 };
  const known = { domain: "lab.example", id: "20300101", policy: body, text: "", fetchedAt: 1000, expiresAt: 9000 };
  return { kind: "policy", known, recordChecked: "same" };
}

const none = (because: NoPolicyReason): PolicyAnswer => ({ kind: "none", because, detail: `because: ${because}` });
const unknown = (why: "dns" | "store"): PolicyAnswer => ({ kind: "unknown", why, detail: `${why} is away` });

/** In one word each: what is asked of a host. */
function wordOf(requirement: HostRequirement): string {
  if (requirement.kind === "refuse") return "refuse";
  const { tls, proof, reportOnly, violation } = requirement;
  if (tls === "optional" && proof === "none" && !reportOnly) return "opportunistic";
  if (tls !== "verified" || proof !== "webPki") return "?";
  if (!reportOnly) return violation === undefined ? "verified" : "?";
  return violation === undefined ? "report" : "report violation";
}

const LISTED = "mx1.lab.example";
const UNLISTED = "mx2.lab.example";

/** For the rules optional, require, testing and disable, in this order. */
const TABLE: [string, string, PolicyAnswer, [string, string, string, string]][] = [
  ["enforce, listed", LISTED, policy("enforce"), ["verified", "verified", "report", "opportunistic"]],
  ["enforce, not listed", UNLISTED, policy("enforce"), ["refuse", "refuse", "report violation", "opportunistic"]],
  ["testing, listed", LISTED, policy("testing"), ["report", "verified", "report", "opportunistic"]],
  [
    "testing, not listed",
    UNLISTED,
    policy("testing"),
    ["report violation", "refuse", "report violation", "opportunistic"],
  ],
  ["none, listed", LISTED, policy("none"), ["opportunistic", "refuse", "opportunistic", "opportunistic"]],
  ["none, no mx", LISTED, policy("none", []), ["opportunistic", "refuse", "opportunistic", "opportunistic"]],
  ...REASONS.map((because): (typeof TABLE)[number] => [
    `no policy: ${because}`,
    LISTED,
    none(because),
    ["opportunistic", "refuse", "opportunistic", "opportunistic"],
  ]),
  ["unknown: dns", LISTED, unknown("dns"), ["refuse", "refuse", "refuse", "opportunistic"]],
  ["unknown: store", LISTED, unknown("store"), ["refuse", "refuse", "refuse", "opportunistic"]],
];

test("what a host must prove, by operator rule, answer and host (STS-VAL-4, STS-VAL-6, STS-VAL-7, RFC 8461 section 5)", () => {
  for (const [what, host, answer, expected] of TABLE) {
    assert.deepEqual(
      RULES.map((rule) => wordOf(requirementFor(host, rule, answer))),
      expected,
      what,
    );
  }
});

test("the MX host name is matched without regard to letter case and final dot, a wildcard for one label (STS-VAL-1, RFC 8461 section 4.1)", () => {
  const cases = {
    "MX1.Lab.Example": "verified",
    "mx1.lab.example.": "verified",
    "a.pool.lab.example": "verified",
    "pool.lab.example": "refuse",
    "a.b.pool.lab.example": "refuse",
    "lab.example": "refuse",
  };
  for (const [host, expected] of Object.entries(cases)) {
    assert.equal(wordOf(requirementFor(host, "optional", policy("enforce"))), expected, host);
  }
});

test("a domain without MX records is matched as its own MX host (STS-VAL-1, RFC 5321 section 5.1)", () => {
  assert.equal(wordOf(requirementFor("lab.example", "optional", policy("enforce", ["lab.example"]))), "verified");
  assert.equal(wordOf(requirementFor("lab.example", "optional", policy("enforce", ["*.lab.example"]))), "refuse");
});

test("a host that the policy does not list falls short as `validation-failure`, refused or reported (RFC 8460 section 4.3.2)", () => {
  const refused = requirementFor(UNLISTED, "optional", policy("enforce"));
  assert.equal(refused.kind === "refuse" && refused.shortfall.resultType, "validation-failure");
  const reported = requirementFor(UNLISTED, "optional", policy("testing"));
  assert.equal(reported.kind === "connect" && reported.violation?.resultType, "validation-failure");
});

test("each requirement says by which rule, and the policy's id where there is one", () => {
  const cases: [OperatorRule, PolicyAnswer, string][] = [
    ["optional", policy("enforce"), "MTA-STS enforce, policy id 20300101"],
    ["require", policy("testing"), "MTA-STS testing, policy id 20300101, required by the operator"],
    ["disable", policy("enforce"), "operator rule disable"],
    ["require", none("no-record"), "operator rule require"],
    ["optional", none("no-record"), "opportunistic TLS, no policy"],
    ["optional", unknown("dns"), "operator rule optional"],
    [
      "testing",
      policy("enforce"),
      "MTA-STS enforce, policy id 20300101, only reported, by the operator's rule testing",
    ],
  ];
  for (const [rule, answer, expected] of cases) {
    assert.equal(describeRequirement(requirementFor(LISTED, rule, answer)), expected);
  }
});

const SET = { domain: "lab.example", by: "anna@mail", reason: "new certificate", setAt: 0, until: 1_800_000_000_000 };
const PINNED: Exception = { ...SET, what: { kind: "pin", mx: [LISTED, "*.mx.example"] } };

test("pinned MX hosts come before any policy: these alone, over verified TLS (order of authority)", () => {
  const answers = [
    policy("enforce", ["other.example"]),
    policy("testing"),
    policy("none"),
    none("no-record"),
    unknown("dns"),
  ];
  const hosts = {
    [LISTED]: "verified",
    "MX1.Lab.Example.": "verified",
    "a.mx.example": "verified",
    [UNLISTED]: "refuse",
  };
  for (const [host, expected] of Object.entries(hosts)) {
    for (const answer of answers) {
      assert.equal(wordOf(requirementFor(host, "optional", answer, PINNED)), expected, `${host}, ${answer.kind}`);
    }
  }
});

test("a requirement that an exception gave rise to names it, its author and its end", () => {
  const words = "set by anna@mail until 2027-01-15 08:00 UTC: new certificate";
  const cases: [Exception, PolicyAnswer, string][] = [
    [
      PINNED,
      policy("enforce"),
      `operator rule pin (exception: only mx1.lab.example, *.mx.example with verified TLS, ${words})`,
    ],
    [mtaStsException("disable"), policy("enforce"), `operator rule disable (exception: rule disable, ${words})`],
    [mtaStsException("optional"), none("no-record"), `operator rule optional (exception: rule optional, ${words})`],
    [mtaStsException("require"), none("no-record"), `operator rule require (exception: rule require, ${words})`],
    [
      mtaStsException("testing"),
      policy("enforce"),
      `MTA-STS enforce, policy id 20300101, only reported, by the operator's rule testing (exception: rule testing, ${words})`,
    ],
  ];
  for (const [exception, answer, expected] of cases) {
    const rule = exception.what.kind === "pin" ? "optional" : exception.what.rule;
    assert.equal(describeRequirement(requirementFor(LISTED, rule, answer, exception)), expected);
  }
});

test("an exception without an end says so", () => {
  const { until: _, ...open } = mtaStsException("disable");
  const words = describeRequirement(requirementFor(LISTED, "disable", none("no-record"), open));
  assert.match(words, /set by anna@mail until it is taken back: new certificate/);
});

const mtaStsException = (rule: OperatorRule): Exception => ({ ...SET, what: { kind: "mta-sts", rule } });
