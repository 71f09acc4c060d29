/** What an exception makes of a domain's rule, and of a delivery's plan. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type DomainRule, withException } from "../../src/delivery/domain-rules.ts";
import { makePlan } from "../../src/delivery/plan.ts";
import type { PolicyAnswer } from "../../src/mta-sts/answer.ts";
import type { ExceptionRule } from "../../src/tls/exception.ts";
import { exceptionFor, HOUR, knownPolicy, NOW } from "../operate/support.ts";
import { createZoneResolver } from "../support/zone-resolver.ts";

const BASE: DomainRule = {
  mtaSts: "require",
  onDiscoveryFailure: { action: "defer", deferForMs: HOUR },
  route: undefined,
};
const PIN: ExceptionRule = { kind: "pin", mx: ["mx.a.example"] };

test("an exception takes the place of the configured MTA-STS rule while it is in force, and of nothing else", () => {
  const exception = exceptionFor("a.example");
  const pinned = exceptionFor("a.example", { what: PIN });
  const { until: _, ...endless } = exception;
  assert.equal(withException(BASE, undefined, NOW), BASE);
  assert.deepEqual(withException(BASE, exception, NOW), { ...BASE, mtaSts: "disable", exception });
  assert.deepEqual(withException(BASE, exception, NOW + HOUR - 1).mtaSts, "disable");
  assert.equal(withException(BASE, exception, NOW + HOUR), BASE, "its time is over");
  assert.equal(withException(BASE, endless, NOW + 1_000 * HOUR).mtaSts, "disable");
  assert.deepEqual(withException(BASE, pinned, NOW), { ...BASE, exception: pinned });
});

test("what an exception makes of each answer about the policy: does mail wait, and what must the hosts prove", async () => {
  const policy: PolicyAnswer = { kind: "policy", known: knownPolicy(), recordChecked: "same" };
  const answers: Record<string, PolicyAnswer> = {
    policy,
    none: { kind: "none", because: "no-record", detail: "no record" },
    dns: { kind: "unknown", why: "dns", detail: "no answer" },
    store: { kind: "unknown", why: "store", detail: "Redis is away" },
  };
  const all = (words: string) => ({ policy: words, none: words, dns: words, store: words });
  const cases: [ExceptionRule | undefined, Record<string, string>][] = [
    [undefined, { policy: "verified, refuse", none: "refuse, refuse", dns: "waits", store: "waits" }],
    [{ kind: "mta-sts", rule: "disable" }, all("optional, optional")],
    [
      { kind: "mta-sts", rule: "optional" },
      { policy: "verified, refuse", none: "optional, optional", dns: "waits", store: "waits" },
    ],
    [
      { kind: "mta-sts", rule: "testing" },
      { ...all("optional, optional"), policy: "reported, reported" },
    ],
    [PIN, all("verified, refuse")],
  ];
  for (const [what, expected] of cases) {
    for (const [name, answer] of Object.entries(answers)) {
      const exception = what === undefined ? undefined : exceptionFor("a.example", { what });
      const rule = withException(BASE, exception, NOW);
      assert.equal(await planWords(rule, answer), expected[name], `${JSON.stringify(what)}, ${name}`);
    }
  }
});

/** For the host that the policy lists, and for one that it does not. */
async function planWords(rule: DomainRule, answer: PolicyAnswer): Promise<string> {
  const dns = createZoneResolver({
    "a.example": {
      mx: [
        [1, "mx.a.example"],
        [2, "mx.evil.example"],
      ],
    },
    "mx.a.example": { addresses: ["192.0.2.1"] },
    "mx.evil.example": { addresses: ["192.0.2.2"] },
  });
  const parts = { dns, policies: { answer: () => Promise.resolve(answer) }, port: 25, random: () => 0 };
  const { signal } = new AbortController();
  const plan = await makePlan(parts, { domain: "a.example", rule, waitedMs: 0, fresh: false, signal });
  if (plan.kind === "ended") return plan.outcome.kind === "deferred" ? "waits" : plan.outcome.kind;
  const words = plan.route.hosts.map((host) => {
    const requirement = plan.requirementOf(host);
    if (requirement.kind === "refuse") return "refuse";
    return requirement.reportOnly ? "reported" : requirement.tls;
  });
  return words.join(", ");
}
