import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionSeen } from "../../src/delivery/session-seen.ts";
import {
  createShadowCounter,
  dayOf,
  enforceWouldFind,
  lastDays,
  shadowVerdicts,
  summaryOf,
} from "../../src/operate/shadow.ts";
import type { ShadowDay } from "../../src/store/shadow.ts";
import { shortfall } from "../../src/tls/verdict.ts";
import { DAY, encrypted, inTheClear, NOW, OPPORTUNISTIC, REPORTED, session } from "./support.ts";

const expired = encrypted(NOW - DAY);
const unlisted = shortfall("validation-failure", "the domain's MTA-STS policy does not list this MX host");

test("what enforce would find, by requirement and scope (RFC 8461 section 3.2, mode testing)", () => {
  const disabled = { ...OPPORTUNISTIC, authority: { by: "operator", rule: "disable" } } as const;
  const cases: [what: string, seen: Partial<SessionSeen>, testing: string | undefined, all: string | undefined][] = [
    ["testing, good", { requirement: REPORTED }, "meets", "meets"],
    ["testing, not listed", { requirement: REPORTED, shortfall: unlisted }, "validation-failure", "validation-failure"],
    ["enforce", {}, undefined, undefined],
    ["no policy, good", { requirement: OPPORTUNISTIC }, undefined, "meets"],
    ["no policy, expired", { requirement: OPPORTUNISTIC, facts: expired }, undefined, "certificate-expired"],
    ["no policy, no TLS", { requirement: OPPORTUNISTIC, facts: inTheClear }, undefined, undefined],
    ["the operator's rule", { requirement: disabled, facts: expired }, undefined, undefined],
  ];
  for (const [what, seen, testing, all] of cases) {
    for (const [scope, expected] of [
      ["testing", testing],
      ["all", all],
    ] as const) {
      const found = enforceWouldFind(session(seen), scope);
      assert.equal(found?.kind === "fallsShort" ? found.resultType : found?.kind, expected, `${what}, ${scope}`);
    }
  }
});

test("counts are summed up by domain and day, and kept while the store is away", async () => {
  const written: ShadowDay[] = [];
  let isAway = true;
  const add = async (counts: ShadowDay[]) => {
    if (isAway) throw new Error("away");
    written.push(...counts);
  };
  const counter = createShadowCounter({ store: { add }, scope: "testing" });
  const bad = session({ requirement: REPORTED, shortfall: unlisted });
  counter.session(session({ requirement: REPORTED }));
  counter.session(bad);
  await assert.rejects(counter.flush(), /away/);
  counter.session(bad);
  counter.session({ ...bad, at: NOW + DAY });
  counter.session({ ...bad, domain: "b.example" });
  isAway = false;
  await counter.flush();
  const why = "mx.a.example: the domain's MTA-STS policy does not list this MX host (validation-failure)";
  assert.deepEqual(written, [
    { domain: "a.example", day: "2026-11-22", messages: 3, refused: 2, why: { [why]: 2 } },
    { domain: "a.example", day: "2026-11-23", messages: 1, refused: 1, why: { [why]: 1 } },
    { domain: "b.example", day: "2026-11-22", messages: 1, refused: 1, why: { [why]: 1 } },
  ]);
  await counter.flush();
  assert.equal(written.length, 3);
});

test("a verdict for each domain: those with most to lose first, and ready only with nothing refused", () => {
  const day = (domain: string, messages: number, why: Record<string, number>): ShadowDay => ({
    domain,
    day: "2026-11-22",
    messages,
    refused: Object.values(why).reduce((sum, count) => sum + count, 0),
    why,
  });
  const verdicts = shadowVerdicts([
    day("good.example", 9, {}),
    day("bad.example", 5, { x: 1, y: 2 }),
    { ...day("bad.example", 5, { x: 4 }), day: "2026-11-21" },
    day("also.example", 1, {}),
  ]);
  assert.deepEqual(
    verdicts.map(({ domain, messages, refused, ready }) => [domain, messages, refused, ready]),
    [
      ["bad.example", 10, 7, false],
      ["also.example", 1, 0, true],
      ["good.example", 9, 0, true],
    ],
  );
  assert.deepEqual(verdicts[0]?.why, [
    { what: "x", messages: 5 },
    { what: "y", messages: 2 },
  ]);
  assert.deepEqual(summaryOf("2026-11-22", verdicts), {
    day: "2026-11-22",
    ready: ["also.example", "good.example"],
    failing: [{ domain: "bad.example", messages: 10, refused: 7, why: ["x", "y"] }],
    more: 0,
  });
});

test("days are those of UTC, today first", () => {
  assert.equal(dayOf(Date.parse("2026-11-22T23:59:59.999Z")), "2026-11-22");
  assert.deepEqual(lastDays(2, NOW), ["2026-11-22", "2026-11-21"]);
});
