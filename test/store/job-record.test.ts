import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeliveryJobData } from "../../src/mail/delivery-job.ts";
import { fromRecord, toRecord } from "../../src/store/job-record.ts";

const fresh: DeliveryJobData = {
  message: "M1",
  domain: "one.example",
  from: "app@sender.example",
  recipients: [{ address: "a@one.example", state: "waiting" }],
  acceptedAt: "2026-11-22T10:00:00.000Z",
  expiresAt: "2026-11-27T10:00:00.000Z",
  sizeBytes: 25,
  smtputf8: false,
  eightBit: false,
  attempt: 0,
  attempts: [],
};
const because = "mx.one.example: it refuses connections";
const waiting = { address: "a@one.example", state: "waiting", status: "4.4.1", detail: because } as const;
const delivered = { address: "b@one.example", state: "delivered", status: "2.0.0", detail: "it said: 250" } as const;
const note = { at: "2026-11-22T10:00:01.000Z", host: "mx.one.example", required: "none", result: "refused" };

const cases: [what: string, data: DeliveryJobData, notKept: string[]][] = [
  ["a new job", fresh, ["smtputf8", "eightBit", "attempt", "attempts", "waitingBecause"]],
  [
    "one that waits because its one recipient does",
    { ...fresh, attempt: 1, recipients: [delivered, waiting], waitingBecause: because },
    ["smtputf8", "eightBit", "attempts", "waitingBecause"],
  ],
  [
    "one that waits for two reasons",
    { ...fresh, attempt: 1, recipients: [waiting], waitingBecause: `${because}; and another` },
    ["smtputf8", "eightBit", "attempts"],
  ],
  [
    "one with all there is",
    {
      ...fresh,
      smtputf8: true,
      eightBit: true,
      attempt: 3,
      attempts: [note],
      waitingBecause: "greylisted",
      ret: "HDRS",
    },
    [],
  ],
  [
    "one whose recipients have it",
    { ...fresh, attempt: 1, recipients: [delivered] },
    ["smtputf8", "eightBit", "attempts", "waitingBecause"],
  ],
];

for (const [what, data, notKept] of cases) {
  test(`a job is kept without what goes without saying, and read back as it was: ${what}`, () => {
    const record = toRecord(data);
    assert.deepEqual(
      Object.keys(fresh)
        .concat("waitingBecause")
        .filter((field) => !(field in record)),
      notKept,
    );
    assert.deepEqual(fromRecord(JSON.parse(JSON.stringify(record))), data);
  });
}

test("a job that was kept whole is read as it is", () => {
  assert.deepEqual(fromRecord({ ...fresh, attempt: 2, waitingBecause: because }), {
    ...fresh,
    attempt: 2,
    waitingBecause: because,
  });
});
