import assert from "node:assert/strict";
import { test } from "node:test";
import { concatWithRoom, putBefore, putBehind } from "../../src/mail/spare-room.ts";

const LARGE = 20_000;
const large = (letter: string) => Buffer.alloc(LARGE, letter);
const room = { before: 10, behind: 5 };

test("what is put around a large text goes into the room around it, and no byte of the text is copied", () => {
  const text = concatWithRoom([large("a"), large("b")], room);
  assert.deepEqual(text, Buffer.concat([large("a"), large("b")]));
  const whole = putBehind(putBefore(Buffer.from("before"), text), Buffer.from("end"));
  assert.deepEqual(whole, Buffer.concat([Buffer.from("before"), text, Buffer.from("end")]));
  assert.equal(whole.buffer, text.buffer);
  const further = putBefore(Buffer.from("more"), whole);
  assert.equal(further.buffer, text.buffer, "four more are just free");
  assert.equal(further.toString("latin1", 0, 11), "morebeforea");
});

test("room is given once: two that put something before or behind the same text do not see each other's", () => {
  const text = concatWithRoom([large("a")], room);
  const [first, second] = ["one", "two"].map((word) => putBefore(Buffer.from(word), text));
  const [third, fourth] = ["xyz", "uvw"].map((word) => putBehind(text, Buffer.from(word)));
  assert.equal(first?.toString("latin1", 0, 4), "onea");
  assert.equal(second?.toString("latin1", 0, 4), "twoa");
  assert.equal(third?.toString("latin1", LARGE - 1), "axyz");
  assert.equal(fourth?.toString("latin1", LARGE - 1), "auvw");
  assert.deepEqual(text, large("a"));
});

test("where the room is too small, or there is none, the text is copied", () => {
  const text = concatWithRoom([large("a")], room);
  for (const without of [text, large("a"), Buffer.from("short"), text.subarray(1, 18_000)]) {
    const words = Buffer.from("longer than the room around it");
    assert.deepEqual(putBefore(words, without), Buffer.concat([words, without]));
    assert.deepEqual(putBehind(without, words), Buffer.concat([without, words]));
  }
  assert.deepEqual(putBehind(text.subarray(1, 100), Buffer.from("x")), Buffer.from(`${"a".repeat(99)}x`));
  assert.deepEqual(text, large("a"));
});

test("short texts share their memory with others, and have no room", () => {
  const text = concatWithRoom([Buffer.from("short")], room);
  assert.deepEqual(putBefore(Buffer.from("a "), putBehind(text, Buffer.from("."))), Buffer.from("a short."));
  assert.equal(text.toString(), "short");
});

test("a short text that something was put before has memory of its own: kept, it keeps nothing else", () => {
  const whole = putBefore(Buffer.from("before"), Buffer.from("text"));
  assert.equal(whole.toString(), "beforetext");
  assert.equal(whole.buffer.byteLength, whole.length);
});
