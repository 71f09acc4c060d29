import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { createMessageIds, MARK_PLACE, markOf } from "../../src/mail/message-id.ts";

/** Of one process. */
function idsAt(...times: number[]): string[] {
  const ids = createMessageIds(randomBytes);
  return times.map((now) => ids.next(now));
}

test("a queue id is 18 letters and digits without i, l, o and u", () => {
  assert.equal(createMessageIds((bytes) => Buffer.alloc(bytes)).next(0), "000000000000000000");
  assert.equal(createMessageIds((bytes) => Buffer.alloc(bytes, 0xff)).next(2 ** 48 - 1), "7zzzzzzzzzzzzzzzzz");
  const ids = createMessageIds(randomBytes);
  for (let i = 0; i < 100; i++) assert.match(ids.next(Date.now()), /^[0-9a-hjkmnp-tv-z]{18}$/);
});

test("queue ids sort by time", () => {
  const times = [0, 1, 31, 32, 1_767_225_600_000, 1_767_225_600_001, 4_102_444_800_000];
  const ids = idsAt(...times);
  assert.deepEqual(ids.toSorted(), ids);
});

test("two messages of one millisecond have different ids", () => {
  const ids = idsAt(...Array.from({ length: 1000 }, () => 1));
  assert.equal(new Set(ids).size, ids.length);
});

test("an id says which process took the message", () => {
  const ids = createMessageIds(randomBytes);
  const id = ids.next(Date.now());
  assert.equal(markOf(id), ids.mark);
  assert.equal(id.slice(MARK_PLACE.first - 1, MARK_PLACE.last), ids.mark);
  const marks = Array.from({ length: 100 }, () => createMessageIds(randomBytes).mark);
  assert.ok(new Set(marks).size > 80, "and others have others");
});
