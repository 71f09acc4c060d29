import assert from "node:assert/strict";
import { test } from "node:test";
import { endingOf } from "../../src/delivery/ending.ts";
import { deferral, type Outcome } from "../../src/delivery/outcome.ts";

const delivered: Outcome = { kind: "delivered", host: "mx.test", tls: "TLSv1.3, verified", reply: "250 ok" };
const reply = (text: string) => deferral("reply", "4.0.0", `mx.test said: ${text}`);

test("what an attempt says of its destination", () => {
  const cases: [what: string, outcomes: Outcome[], expected: ReturnType<typeof endingOf>["ending"]][] = [
    ["delivered", [delivered], "spoke"],
    ["greylisting is no fault of it", [reply("451 4.7.1 greylisted, try again in 5 minutes")], "spoke"],
    ["one delivered, one put off", [delivered, reply("452 4.2.2 mailbox full")], "spoke"],
    ["421", [reply("421 4.7.0 closing")], "slow-down"],
    ["421 as a greeting", [deferral("session", "4.4.2", 'mx.test: it greeted with: "421 busy"')], "slow-down"],
    ["a rate", [reply("450 4.7.1 too many connections from your address")], "slow-down"],
    ["refuses connections", [deferral("unreachable", "4.4.1", "mx.test: it refuses connections")], "no-session"],
    ["never speaks", [deferral("session", "4.4.2", "mx.test: it did not greet in time")], "no-session"],
    ["DNS is not the host", [deferral("dns", "4.4.3", "the MX records could not be looked up")], "nothing"],
    ["a policy is no fault of the network", [deferral("policy-violation", "4.7.5", "expired")], "nothing"],
    ["refused for good", [{ kind: "failed", status: "5.1.1", detail: "mx.test said: 550 unknown user" }], "spoke"],
    ["no host was asked", [{ kind: "failed", status: "5.1.10", detail: "it takes no mail" }], "nothing"],
  ];
  for (const [what, outcomes, expected] of cases) assert.equal(endingOf(outcomes).ending, expected, what);
});
