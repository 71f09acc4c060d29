import assert from "node:assert/strict";
import { test } from "node:test";
import {
  combine,
  type Deferral,
  deferral,
  deferralOfSetup,
  outcomeOfAnswer,
  statusOfShortfall,
} from "../../src/delivery/outcome.ts";
import { readReply } from "../../src/smtp/reply.ts";
import type { AnswerStage } from "../../src/smtp/transaction.ts";

test("a reply makes an outcome by its stage, class and status (RFC 5321 section 4.2.1, RFC 3463)", () => {
  const cases: [AnswerStage, string, string][] = [
    ["message", "250 2.0.0 taken", "delivered"],
    ["message", "451 4.3.0 later", "deferred 4.3.0"],
    ["message", "552 too big", "failed 5.3.4"],
    ["message", "554 5.7.1 spam", "failed 5.7.1"],
    ["message", "554 no", "failed 5.0.0"],
    ["data", "451 no", "deferred 4.0.0"],
    ["data", "554 no", "failed 5.0.0"],
    ["mail", "550 5.7.1 not you", "failed 5.7.1"],
    ["mail", "450 no", "deferred 4.0.0"],
    ["rcpt", "550 nobody", "failed 5.1.1"],
    ["rcpt", "550 5.2.1 closed", "failed 5.2.1"],
    ["rcpt", "452 full", "deferred 4.3.1"],
    ["rcpt", "452 4.5.3 too many", "deferred 4.5.3"],
    // A status of the wrong class is not passed on.
    ["rcpt", "550 4.2.2 full", "failed 5.1.1"],
    ["rcpt", "450 5.1.1 nobody", "deferred 4.0.0"],
    // Odd codes are no success.
    ["rcpt", "354 go on", "deferred 4.0.0"],
    ["data", "250 ok", "deferred 4.0.0"],
  ];
  for (const [stage, raw, expected] of cases) {
    const reply = readReply(raw);
    assert.ok(reply);
    const outcome = outcomeOfAnswer({ address: "a@lab.test", stage, reply }, "mx.lab.test", "TLSv1.3");
    assert.equal(outcome.kind === "delivered" ? "delivered" : `${outcome.kind} ${outcome.status}`, expected, raw);
  }
});

test("whatever went wrong before MAIL FROM is deferred, also with a 5xx reply (STS-VAL-9)", () => {
  const reply = { code: 554, status: "5.3.2", text: "554 5.3.2 never" };
  const cases: [Parameters<typeof deferralOfSetup>[0]["phase"], string][] = [
    ["connect", "unreachable 4.4.1"],
    ["greeting", "session 4.4.2"],
    ["ehlo", "session 4.4.2"],
    ["starttls", "policy-violation 4.7.10"],
    ["handshake", "policy-violation 4.7.5"],
    ["login", "session 4.7.8"],
  ];
  for (const [phase, expected] of cases) {
    const put = deferralOfSetup({ phase, detail: "it broke", reply }, "mx.lab.test");
    assert.equal(`${put.reason} ${put.status}`, expected);
    assert.deepEqual([put.kind, put.detail], ["deferred", "mx.lab.test: it broke"]);
  }
});

test("a shortfall is transient, whatever its type (STS-VAL-9)", () => {
  assert.equal(statusOfShortfall("starttls-not-supported"), "4.7.10");
  assert.equal(statusOfShortfall("certificate-expired"), "4.7.5");
  assert.equal(statusOfShortfall("validation-failure"), "4.7.5");
});

test("of several deferrals the most telling reason stands, with all details once and at most five", () => {
  const put = (reason: Deferral["reason"], detail: string) => deferral(reason, "4.0.0", detail);
  const combined = combine([put("unreachable", "a"), put("policy-violation", "b"), put("reply", "c"), put("dns", "a")]);
  assert.deepEqual([combined.reason, combined.detail], ["policy-violation", "b; c; a"]);
  const many = combine(Array.from({ length: 9 }, (_, i) => put("reply", `detail ${i}`)));
  assert.equal(many.detail.split("; ").length, 5);
  assert.equal(combine([]).status, "4.4.4");
});
