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

test("a job holds what the sender wants to hear of its recipients, and nothing of others' (RFC 3461)", () => {
  const recipients = new Map([["a@one.example", { notify: ["NEVER" as const] }]]);
  const envelope = {
    from: "s@sender.example",
    to: ["a@one.example", "b@two.example"],
    smtputf8: false,
    eightBit: false,
  };
  const message = {
    id: "m1",
    envelope: { ...envelope, dsn: { ret: "FULL" as const, recipients } },
    data: Buffer.from("x"),
    acceptedAt: 0,
  };
  const jobs = deliveryJobs(message, 1000);
  assert.deepEqual(
    jobs.map(({ ret, recipients: [first] }) => [ret, first]),
    [
      ["FULL", { address: "a@one.example", state: "waiting", notify: ["NEVER"] }],
      ["FULL", { address: "b@two.example", state: "waiting" }],
    ],
  );
});
