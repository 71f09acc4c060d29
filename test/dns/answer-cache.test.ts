import assert from "node:assert/strict";
import { test } from "node:test";
import { createAnswerCache } from "../../src/dns/answer-cache.ts";
import type { DnsAnswer } from "../../src/dns/answer.ts";

const found = (record: string, ttlSeconds: number): DnsAnswer<string> => ({
  kind: "found",
  records: [record],
  name: "example.test",
  ttlSeconds,
  authentic: false,
});
const absent = (ttlSeconds: number): DnsAnswer<string> => ({
  kind: "absent",
  status: "nodata",
  ttlSeconds,
  authentic: false,
});
const unknown: DnsAnswer<string> = { kind: "unknown", why: "timeout", detail: "" };

function cacheAt(start: number, entries = 10) {
  let time = start;
  const cache = createAnswerCache<string>({ entries, now: () => time });
  return { ...cache, at: (ms: number) => void (time = start + ms) };
}

test("an answer lives for its TTL and says how much is left (RFC 1035 section 3.2.1)", () => {
  for (const answer of [found("x", 10), absent(10)]) {
    const cache = cacheAt(1_000_000);
    cache.put("k", answer);
    const left = { 0: 10, 1: 10, 1000: 9, 9999: 1 };
    for (const [ms, ttlSeconds] of Object.entries(left)) {
      cache.at(Number(ms));
      assert.deepEqual(cache.get("k"), { ...answer, ttlSeconds }, `after ${ms} ms`);
    }
    cache.at(10_000);
    assert.equal(cache.get("k"), undefined);
  }
});

test("a TTL of 0 is not kept, and ends what was kept before (RFC 1035 section 3.2.1)", () => {
  for (const answer of [found("y", 0), absent(0)]) {
    const cache = cacheAt(0);
    cache.put("k", found("x", 10));
    cache.put("k", answer);
    assert.equal(cache.get("k"), undefined);
  }
});

test("what could not be found out is not kept, and does not end what was known (STS-TXT-7)", () => {
  const cache = cacheAt(0);
  cache.put("k", unknown);
  assert.equal(cache.get("k"), undefined);
  cache.put("k", found("x", 10));
  cache.put("k", unknown);
  assert.deepEqual(cache.get("k"), found("x", 10));
});

test("a clock set back ends a life, it does not lengthen it", () => {
  const cache = cacheAt(1_000_000);
  cache.put("k", found("x", 10));
  cache.at(-1);
  assert.equal(cache.get("k"), undefined);
  cache.at(1);
  assert.equal(cache.get("k"), undefined);
});

test("when it is full, the answer longest unused goes", () => {
  const cache = cacheAt(0, 3);
  for (const key of ["a", "b", "c"]) cache.put(key, found(key, 10));
  cache.get("a");
  cache.put("b", found("b2", 10));
  cache.put("d", found("d", 10));
  assert.equal(cache.get("c"), undefined);
  for (const [key, record] of [
    ["a", "a"],
    ["b", "b2"],
    ["d", "d"],
  ] as const)
    assert.deepEqual(cache.get(key), found(record, 10), key);
});
