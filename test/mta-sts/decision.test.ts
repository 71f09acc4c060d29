/** The decision, as a table. RFC 8461 sections 3.3 and 5.1. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FetchFailure, KnownFailure, KnownPolicy } from "../../src/mta-sts/answer.ts";
import { decide, type Decision, type RecordAnswer } from "../../src/mta-sts/decision.ts";

const NOW = 1_700_000_000_000;
const policy = { mode: "enforce" as const, mx: ["a.example"], maxAgeSeconds: 60 };
const inForce: KnownPolicy = {
  domain: "d.example",
  id: "1",
  policy,
  text: "",
  fetchedAt: NOW - 59_999,
  expiresAt: NOW + 1,
};
const expired: KnownPolicy = { ...inForce, expiresAt: NOW };

const same: RecordAnswer = { kind: "record", id: "1" };
const other: RecordAnswer = { kind: "record", id: "2" };
const absent: RecordAnswer = { kind: "absent" };
const unusable: RecordAnswer = { kind: "unusable", detail: "two" };
const unknown: RecordAnswer = { kind: "unknown", detail: "timeout" };

const failure: FetchFailure = { resultType: "sts-webpki-invalid", detail: "expired" };
const paused = (id: string): KnownFailure => ({ ...failure, id, failedAt: NOW - 1, retryAt: NOW + 1 });
const over = (id: string): KnownFailure => ({ ...failure, id, failedAt: NOW - 1, retryAt: NOW });

const use = (recordChecked: "same" | "unavailable" | "could-not-ask"): Decision => ({
  kind: "policy",
  known: inForce,
  recordChecked,
});
const useFailed: Decision = { kind: "policy", known: inForce, recordChecked: "changed-fetch-failed", failure };
const fetch = (id: string): Decision => ({ kind: "fetch", id });
const noRecord: Decision = { kind: "none", because: "no-record", detail: "no MTA-STS record" };
const badRecord: Decision = { kind: "none", because: "bad-record", detail: "two" };
const fetchFailed: Decision = { kind: "none", because: "fetch-failed", detail: "expired", failure };
const notKnown: Decision = { kind: "unknown", why: "dns", detail: "timeout" };

type Case = [known: KnownPolicy | undefined, record: RecordAnswer, failed: KnownFailure | undefined, Decision];

function check(cases: Case[]): void {
  for (const [index, [known, record, failed, expected]] of cases.entries()) {
    assert.deepEqual(decide(known, record, failed, NOW), expected, `case ${index}`);
  }
}

test("a policy in force is used, whatever becomes of its record (STS-TXT-6, STS-CACHE-1)", () => {
  check([
    [inForce, absent, undefined, use("unavailable")],
    [inForce, unusable, undefined, use("unavailable")],
    [inForce, unknown, undefined, use("could-not-ask")],
    [inForce, unknown, paused("1"), use("could-not-ask")],
    [inForce, same, undefined, use("same")],
    [inForce, same, paused("1"), use("same")],
    [inForce, other, paused("2"), useFailed],
  ]);
});

test("another record id is fetched, unless that very id failed a short while ago (STS-CACHE-2, STS-GET-7)", () => {
  check([
    [inForce, other, undefined, fetch("2")],
    [inForce, other, over("2"), fetch("2")],
    [inForce, other, paused("1"), fetch("2")],
    [inForce, { kind: "record", id: "A" }, paused("a"), fetch("A")],
    [inForce, other, paused("2"), useFailed],
  ]);
});

test("without a policy in force the record decides (STS-TXT-7, STS-GET-8)", () => {
  for (const known of [undefined, expired]) {
    check([
      [known, same, undefined, fetch("1")],
      [known, same, over("1"), fetch("1")],
      [known, same, paused("1"), fetchFailed],
      [known, same, paused("2"), fetch("1")],
      [known, absent, undefined, noRecord],
      [known, unusable, undefined, badRecord],
      // "Could not ask" is not "there is none".
      [known, unknown, undefined, notKnown],
      [known, unknown, paused("1"), notKnown],
    ]);
  }
});
