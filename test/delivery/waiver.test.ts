import assert from "node:assert/strict";
import { test } from "node:test";
import type { DomainRule } from "../../src/delivery/domain-rules.ts";
import { makePlan } from "../../src/delivery/plan.ts";
import { describeRequirement } from "../../src/tls/requirement.ts";
import { createZoneResolver } from "../support/zone-resolver.ts";

const DOMAIN = "d.example";
const plain: DomainRule = {
  mtaSts: "optional",
  onDiscoveryFailure: { action: "defer", deferForMs: 1 },
  route: undefined,
};

async function requirementUnder(rule: DomainRule, tlsRequired?: false) {
  const dns = createZoneResolver({ [DOMAIN]: { mx: [[10, "mx.d.example"]] } });
  let asked = 0;
  const answer = async () => {
    asked += 1;
    return { kind: "unknown", why: "dns", detail: "SERVFAIL" } as const;
  };
  const plan = await makePlan(
    { dns, policies: { answer }, port: 25, random: () => 0 },
    {
      domain: DOMAIN,
      rule,
      waitedMs: 0,
      fresh: false,
      signal: new AbortController().signal,
      ...(tlsRequired === undefined ? {} : { tlsRequired }),
    },
  );
  if (plan.kind === "ended") return { asked, words: plan.outcome.kind };
  const requirement = plan.requirementOf({ name: "mx.d.example", port: 25, implicitTls: false });
  return { asked, words: `${requirement.kind}: ${describeRequirement(requirement)}` };
}

test("mail that says TLS-Required: No waits for no policy and is bound by none, but our own operator's rule stays (RPT-SEND-2, RFC 8689 section 5)", async () => {
  const waived = "connect: opportunistic TLS, because the message says TLS-Required: No";
  assert.deepEqual(await requirementUnder(plain, false), { asked: 0, words: waived });
  assert.deepEqual(await requirementUnder(plain), { asked: 1, words: "deferred" });
  assert.deepEqual(await requirementUnder({ ...plain, mtaSts: "require" }, false), { asked: 1, words: "deferred" });
});
