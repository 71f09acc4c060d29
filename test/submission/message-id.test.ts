import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { newMessageId } from "../../src/submission/message-id.ts";

test("a queue id is 18 letters and digits without i, l, o and u", () => {
  assert.equal(
    newMessageId(0, (bytes) => Buffer.alloc(bytes)),
    "000000000000000000",
  );
  assert.equal(
    newMessageId(2 ** 48 - 1, (bytes) => Buffer.alloc(bytes, 0xff)),
    "7zzzzzzzzzzzzzzzzz",
  );
  for (let i = 0; i < 100; i++) assert.match(newMessageId(Date.now(), randomBytes), /^[0-9a-hjkmnp-tv-z]{18}$/);
});

test("queue ids sort by time", () => {
  const times = [0, 1, 31, 32, 1_767_225_600_000, 1_767_225_600_001, 4_102_444_800_000];
  const ids = times.map((now) => newMessageId(now, randomBytes));
  assert.deepEqual(ids.toSorted(), ids);
});

test("two messages of one millisecond have different ids", () => {
  const ids = Array.from({ length: 1000 }, () => newMessageId(1, randomBytes));
  assert.equal(new Set(ids).size, ids.length);
});
