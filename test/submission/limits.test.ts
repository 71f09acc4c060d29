import assert from "node:assert/strict";
import { test } from "node:test";
import { clientKey, createAdmission, createByteBudget } from "../../src/submission/limits.ts";
import { replyLine } from "../../src/submission/reply.ts";

test("one client is an IPv4 address or an IPv6 /64 (RFC 4291 section 2.5.1)", () => {
  const cases: Record<string, string> = {
    "192.0.2.1": "192.0.2.1",
    "::ffff:192.0.2.1": "192.0.2.1",
    "2001:db8::1": "2001:db8:0:0::/64",
    "2001:db8:0:0:ffff::": "2001:db8:0:0::/64",
    "2001:DB8:0:1::1": "2001:db8:0:1::/64",
    "::1": "0:0:0:0::/64",
    "fe80::1%eth0": "fe80:0:0:0::/64",
    nonsense: "nonsense",
  };
  for (const [address, key] of Object.entries(cases)) assert.equal(clientKey(address), key, address);
});

test("connections are counted in and out, in all and for each client", () => {
  const admission = createAdmission(() => ({ connections: 3, connectionsPerClient: 2 }));
  const enter = (address: string) => {
    const answer = admission.enter(address);
    return answer.kind === "admitted" ? answer.leave : replyLine(answer.reply);
  };
  const first = enter("192.0.2.1");
  const second = enter("::ffff:192.0.2.1");
  assert.ok(typeof first === "function" && typeof second === "function");
  assert.equal(enter("192.0.2.1"), "421 4.7.0 Too many connections from your address");
  const third = enter("2001:db8::1");
  assert.ok(typeof third === "function");
  assert.equal(enter("198.51.100.1"), "421 4.7.0 Too many connections, try again later");
  first();
  first();
  const fourth = enter("192.0.2.1");
  assert.ok(typeof fourth === "function");
  assert.equal(typeof enter("198.51.100.1"), "string", "leaving twice counts once");
});

test("the byte budget gives no more than it has, and takes back what is returned", () => {
  const budget = createByteBudget(() => 10);
  assert.equal(budget.take(6), true);
  assert.equal(budget.take(5), false);
  assert.equal(budget.take(4), true);
  budget.giveBack(6);
  assert.equal(budget.take(6), true);
});
