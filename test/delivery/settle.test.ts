import assert from "node:assert/strict";
import { test } from "node:test";
import { deferral, type Outcome } from "../../src/delivery/outcome.ts";
import { settle, waitingRecipients, withOutcomes } from "../../src/delivery/settle.ts";
import type { AttemptNote, DeliveryJobData } from "../../src/mail/delivery-job.ts";

const START = Date.UTC(2030, 0, 1);
const RULES = { scheduleMs: [60_000], lifetimeMs: 3_600_000, jitter: 0, warnAfterMs: 3_600_000 };

function job(recipients: DeliveryJobData["recipients"], change: Partial<DeliveryJobData> = {}): DeliveryJobData {
  return {
    message: "m1",
    domain: "lab.test",
    from: "sender@lab.test",
    recipients,
    acceptedAt: new Date(START).toISOString(),
    expiresAt: new Date(START + RULES.lifetimeMs).toISOString(),
    sizeBytes: 10,
    smtputf8: false,
    eightBit: false,
    attempt: 0,
    attempts: [],
    ...change,
  };
}

const waiting = (address: string) => ({ address, state: "waiting" as const });
const delivered: Outcome = { kind: "delivered", host: "mx.lab.test", tls: "TLSv1.3 x, verified", reply: "250 taken" };
const failed: Outcome = { kind: "failed", status: "5.1.1", detail: "mx.lab.test said: 550 nobody" };
const violation = deferral("policy-violation", "4.7.5", "mx.lab.test: its certificate is self-signed");
const unreachable = deferral("unreachable", "4.4.1", "mx.lab.test: it refuses connections");

const settleAt = (startedAt: number, data: DeliveryJobData, outcomes: [string, Outcome][], notes: AttemptNote[] = []) =>
  settle(data, new Map(outcomes), notes, { startedAt, now: startedAt + 100, rules: RULES, random: 0.5 });

const statesOf = (data: DeliveryJobData) => data.recipients.map(({ state, status }) => `${state} ${status}`);

test("outcomes are written to their recipients; those that wait make the job come again, and say why", () => {
  const data = job([waiting("a@lab.test"), waiting("b@lab.test"), waiting("c@lab.test"), waiting("d@lab.test")]);
  const settlement = settleAt(START, data, [
    ["a@lab.test", delivered],
    ["b@lab.test", failed],
    ["c@lab.test", unreachable],
    ["d@lab.test", violation],
  ]);
  assert.deepEqual(statesOf(settlement.data), ["delivered 2.0.0", "failed 5.1.1", "waiting 4.4.1", "waiting 4.7.5"]);
  assert.equal(settlement.data.recipients[0]?.detail, "mx.lab.test (TLSv1.3 x, verified) said: 250 taken");
  assert.deepEqual([settlement.again?.at, settlement.again?.because.reason], [START + 60_100, "policy-violation"]);
  assert.equal(settlement.data.waitingBecause, `${violation.detail}; ${unreachable.detail}`);
  assert.equal(settlement.data.attempt, 1);
  assert.deepEqual(waitingRecipients(settlement.data), ["c@lab.test", "d@lab.test"]);
});

test("with nobody left waiting the job does not come again, nor wait for anything", () => {
  const data = job([waiting("a@lab.test")], { waitingBecause: "of old" });
  const settlement = settleAt(START, data, [["a@lab.test", delivered]]);
  assert.equal(settlement.again, undefined);
  assert.equal("waitingBecause" in settlement.data, false);
});

test("an attempt that began at the end of the message's life turns deferrals into failures; security keeps its status (RFC 3463 section 3.5)", () => {
  const data = job([waiting("a@lab.test"), waiting("b@lab.test"), waiting("c@lab.test")]);
  const settlement = settleAt(START + RULES.lifetimeMs, data, [
    ["a@lab.test", delivered],
    ["b@lab.test", unreachable],
    ["c@lab.test", violation],
  ]);
  assert.deepEqual(statesOf(settlement.data), ["delivered 2.0.0", "failed 5.4.7", "failed 5.7.5"]);
  assert.equal(settlement.again, undefined);
  assert.equal(settlement.data.recipients[2]?.detail, `given up after the last attempt. ${violation.detail}`);
  const inTime = settleAt(START + RULES.lifetimeMs - 1, data, [["a@lab.test", violation]]);
  assert.equal(inTime.again?.at, START + RULES.lifetimeMs + 1099);
});

test("while the DNS cannot say whether there is a newer policy, what a cached one holds back waits on, for another lifetime at most (STS-VAL-8)", () => {
  const data = job([waiting("a@lab.test")]);
  const outcomes = new Map<string, Outcome>([["a@lab.test", violation]]);
  const settleLate = (at: number) =>
    settle(data, outcomes, [], { startedAt: at, now: at, rules: RULES, random: 0.5, undecided: true });
  const end = START + RULES.lifetimeMs;
  const late = settleLate(end);
  assert.deepEqual(statesOf(late.data), ["waiting 4.7.5"]);
  assert.equal(late.again?.at, end + (RULES.scheduleMs[0] ?? 0));
  assert.deepEqual(statesOf(settleLate(end + RULES.lifetimeMs).data), ["failed 5.7.5"]);
});

test("what is done stays done: a later outcome does not touch it, and recipients without one stay as they are", () => {
  const data = job([
    { address: "a@lab.test", state: "delivered", status: "2.0.0", detail: "before" },
    { address: "b@lab.test", state: "failed", status: "5.1.1", detail: "before", bounced: true },
    waiting("c@lab.test"),
  ]);
  const outcomes = new Map<string, Outcome>([
    ["a@lab.test", failed],
    ["b@lab.test", delivered],
  ]);
  assert.deepEqual(withOutcomes(data, outcomes), data);
});

test("of the attempts' notes the newest five are kept", () => {
  const note = (n: number): AttemptNote => ({ at: "", host: `mx${n}.lab.test`, required: "", result: "" });
  const notes = Array.from({ length: 15 }, (_, n) => note(n));
  const data = job([waiting("a@lab.test")], { attempts: notes });
  const { attempts } = settleAt(START, data, [["a@lab.test", delivered]], [...notes, note(99)]).data;
  assert.deepEqual([attempts.length, attempts.at(-1)?.host], [5, "mx99.lab.test"]);
});
