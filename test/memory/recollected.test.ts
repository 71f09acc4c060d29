import assert from "node:assert/strict";
import { test } from "node:test";
import { recollected } from "../../src/memory/recollected.ts";

test("a text is looked at once, and what was said of it is said again, also when that is nothing", () => {
  const asked: string[] = [];
  const lengthOf = recollected((text) => {
    asked.push(text);
    return text === "" ? undefined : text.length;
  });
  for (let i = 0; i < 3; i++) assert.deepEqual([lengthOf("one"), lengthOf("three"), lengthOf("")], [3, 5, undefined]);
  assert.deepEqual(asked, ["one", "three", ""]);
});

test("however many texts come, few are remembered, and all are answered", () => {
  let asked = 0;
  const upper = recollected((text) => {
    asked += 1;
    return text.toUpperCase();
  });
  const names = Array.from({ length: 10_000 }, (_, index) => `d${index}.example`);
  for (const name of names) assert.equal(upper(name), name.toUpperCase());
  assert.equal(asked, 10_000);
  assert.equal(upper("d0.example"), "D0.EXAMPLE");
  assert.equal(asked, 10_001, "the first has been forgotten");
  assert.equal(upper("d9999.example"), "D9999.EXAMPLE");
  assert.equal(asked, 10_001, "the latest has not");
});
