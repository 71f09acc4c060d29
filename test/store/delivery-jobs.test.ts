import assert from "node:assert/strict";
import { test } from "node:test";
import { deliveryJobs } from "../../src/store/delivery-jobs.ts";
import { lifetimeMs, messageTo } from "./support.ts";

test("a message becomes one job for each recipient domain, with times an operator can read", () => {
  const message = messageTo("M1", ["a@one.example", "b@two.example", "c@one.example", "d@[IPv6:2001:db8::1]"]);
  const jobs = deliveryJobs({ ...message, envelope: { ...message.envelope, smtputf8: true } }, lifetimeMs);
  const recipients = jobs.map(({ domain, recipients }) => [domain, recipients.map(({ address }) => address)]);
  assert.deepEqual(recipients, [
    ["one.example", ["a@one.example", "c@one.example"]],
    ["two.example", ["b@two.example"]],
    ["[IPv6:2001:db8::1]", ["d@[IPv6:2001:db8::1]"]],
  ]);
  assert.deepEqual(jobs[1], {
    message: "M1",
    domain: "two.example",
    from: "app@sender.example",
    recipients: [{ address: "b@two.example", state: "waiting" }],
    acceptedAt: "2026-11-22T10:00:00.000Z",
    expiresAt: "2026-11-27T10:00:00.000Z",
    sizeBytes: message.data.length,
    smtputf8: true,
    eightBit: false,
    attempt: 0,
    attempts: [],
  });
});
