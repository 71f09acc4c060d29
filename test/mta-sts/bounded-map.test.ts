/** What is kept per name has a limit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBoundedMap } from "../../src/mta-sts/bounded-map.ts";
import { createOncePer } from "../../src/mta-sts/once-per.ts";

test("what was used longest ago makes room for what is new", () => {
  const map = createBoundedMap<string>(3);
  for (const key of ["a", "b", "c"]) map.set(key, key);
  map.get("a");
  map.set("c", "C");
  map.set("d", "d");
  assert.deepEqual(
    ["a", "b", "c", "d"].map((key) => map.get(key)),
    ["a", undefined, "C", "d"],
  );
});

test("sizes count, and a value that is too large by itself is not kept", () => {
  const map = createBoundedMap<string>(10, (text) => text.length);
  map.set("a", "aaaa");
  map.set("b", "bbbb");
  map.set("a", "aaaaaa");
  assert.equal(map.get("b"), "bbbb");
  map.set("c", "c");
  assert.equal(map.get("a"), undefined);
  map.set("d", "d".repeat(11));
  assert.deepEqual([map.get("b"), map.get("c"), map.get("d")], [undefined, undefined, undefined]);
  map.set("e", "e".repeat(10));
  map.delete("e");
  map.set("f", "f".repeat(10));
  assert.equal(map.get("f"), "f".repeat(10));
});

test("news is told once per key and period", () => {
  let now = 0;
  const tellNow = createOncePer(1_000, () => now, 2);
  const told = (key: string, at: number) => {
    now = at;
    return tellNow(key);
  };
  assert.deepEqual(
    [told("a", 0), told("a", 999), told("b", 999), told("a", 1_000), told("a", 1_999), told("a", 2_000)],
    [true, false, true, true, false, true],
  );
  told("c", 2_000);
  assert.equal(told("b", 2_000), true, "a forgotten key is told anew");
});
