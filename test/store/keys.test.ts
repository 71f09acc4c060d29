import assert from "node:assert/strict";
import { test } from "node:test";
import * as keys from "../../src/store/keys.ts";

test("every key carries the hash tag {relay}, so that a transaction stays in one slot of a cluster", () => {
  const all = [
    keys.bodyKey("M1"),
    keys.deliveryJobKey(keys.deliveryJobId("M1", "one.example")),
    keys.policyKey("one.example"),
    keys.policyFailureKey("one.example"),
    keys.policyLockKey("one.example"),
    keys.policyHistoryKey("one.example"),
    keys.policyRefreshKey,
  ];
  for (const key of all) assert.match(key, /^\{relay\}:/);
});

test("a job id has no colon, which BullMQ refuses, and different domains give different ids", () => {
  const domains = ["one.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "[x%3Ay]", "[x:y]"];
  const ids = domains.map((domain) => keys.deliveryJobId("M1", domain));
  for (const id of ids) assert.doesNotMatch(id, /:/);
  assert.equal(new Set(ids).size, domains.length);
  assert.equal(ids[0], "M1/one.example");
});

test("fields and keys are read back to what they were made of", () => {
  assert.equal(keys.domainOfField(keys.openField("[IPv6:2001:db8::1]")), "[IPv6:2001:db8::1]");
  assert.equal(keys.domainOfField(keys.dataField), undefined);
  assert.equal(keys.messageIdOf(keys.bodyKey("M1")), "M1");
});
