import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { PassingMap, PassingObjectMap, PassingSet } from "../../src/memory/passing.ts";
import { createRecorder } from "../../src/delivery/record.ts";

setFlagsFromString("--expose-gc");
setFlagsFromString("--no-allocation-site-pretenuring");
const gc = runInNewContext("gc") as (how?: { type: "minor" }) => void;

const BYTES = 4_500;

/** What is left of 4,000 texts that have come and gone, in parts of them, before V8 looks through all of its memory. */
async function leftOf(pass: (text: Buffer, number: number) => void): Promise<number> {
  const passing = 4_000;
  gc();
  await nextTurn();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < passing; i++) {
    pass(Buffer.allocUnsafeSlow(BYTES), i);
    if (i % 100 !== 0) continue;
    gc({ type: "minor" });
    await nextTurn();
  }
  for (let i = 0; i < 3; i++) {
    gc({ type: "minor" });
    await nextTurn();
  }
  return (process.memoryUsage().arrayBuffers - before) / (passing * BYTES);
}

test("what has gone from a passing map or set is gone, where a Map keeps it for long", async () => {
  const plain = new Map<number, { text: Buffer }>();
  const kept = await leftOf((text, number) => {
    plain.set(number, { text });
    plain.delete(number - 5);
  });
  assert.ok(kept > 0.2, `a Map keeps ${kept}: should it not, ours is of no use any more`);

  const map = new PassingMap<number, { text: Buffer }>();
  const ofMap = await leftOf((text, number) => {
    map.set(number, { text });
    map.delete(number - 5);
  });
  assert.ok(ofMap < 0.05, `a PassingMap keeps ${ofMap}`);

  const [set, members] = [new PassingSet<{ text: Buffer }>(), [] as { text: Buffer }[]];
  const ofSet = await leftOf((text) => {
    members.push({ text });
    set.add(members.at(-1) as { text: Buffer });
    const first = members.length > 5 ? members.shift() : undefined;
    if (first !== undefined) assert.ok(set.delete(first));
  });
  assert.ok(ofSet < 0.05, `a PassingSet keeps ${ofSet}`);
});

test("a recorder of an attempt goes with the message", async () => {
  const events = {} as Parameters<typeof createRecorder>[0]["events"];
  const left = await leftOf((text) => {
    const data = { message: "M", domain: "one.example", text } as unknown as Parameters<
      typeof createRecorder
    >[1]["data"];
    createRecorder({ events, now: Date.now }, { data, save: async () => {}, note: () => {} });
  });
  assert.ok(left < 0.05, `it keeps ${left}`);
});

test("a passing map has what was put in, in its order, and no more what was taken out", () => {
  const map = new PassingMap<string, number>();
  map.set("a", 1).set("b", 2).set("c", 3).set("a", 4);
  assert.deepEqual(
    [...map],
    [
      ["a", 4],
      ["b", 2],
      ["c", 3],
    ],
  );
  assert.deepEqual([map.size, map.get("a"), map.has("b"), map.get("d"), map.has("d")], [3, 4, true, undefined, false]);
  assert.deepEqual([map.delete("b"), map.delete("b"), map.get("b"), map.size], [true, false, undefined, 2]);
  map.set("b", 5);
  assert.deepEqual([...map.values()], [4, 3, 5]);
  // As a Map, it can lose what is being gone through.
  for (const [key] of map) map.delete(key);
  assert.equal(map.size, 0);
});

test("a passing map with objects for keys, and a passing set, are a Map and a Set to whoever uses them", () => {
  const [one, two, three] = [{ n: 1 }, { n: 2 }, { n: 3 }];
  const pairs = (map: Map<object, number>) => {
    const seen: unknown[] = [];
    map.forEach((value, key, self) => seen.push([key, value, self === map]));
    return [
      seen,
      [...map],
      [...map.entries()],
      [...map.keys()],
      [...map.values()],
      map.size,
      map.has(one),
      map.get(two),
    ];
  };
  const members = (set: Set<object>) => {
    const seen: unknown[] = [];
    set.forEach((member, again, self) => seen.push([member, again, self === set]));
    return [
      seen,
      [...set],
      [...set.entries()],
      [...set.keys()],
      [...set.values()],
      set.size,
      set.has(one),
      set.has(two),
    ];
  };
  const [map, likeMap] = [new Map<object, number>(), new PassingObjectMap<object, number>()];
  const [set, likeSet] = [new Set<object>(), new PassingSet<object>()];
  for (const step of [
    (m: Map<object, number>, s: Set<object>) => [m.set(one, 1) === m, s.add(one) === s],
    (m: Map<object, number>, s: Set<object>) => [m.set(two, 2) === m, s.add(two) === s],
    (m: Map<object, number>, s: Set<object>) => [m.set(one, 3) === m, s.add(one) === s],
    (m: Map<object, number>, s: Set<object>) => [m.delete(two), s.delete(two)],
    (m: Map<object, number>, s: Set<object>) => [m.delete(two), s.delete(two)],
    (m: Map<object, number>, s: Set<object>) => [m.set(three, 4) === m, s.add(three) === s],
    (m: Map<object, number>, s: Set<object>) => [m.clear(), s.clear()],
    (m: Map<object, number>, s: Set<object>) => [m.set(two, 5) === m, s.add(two) === s],
  ]) {
    assert.deepEqual(step(likeMap, likeSet), step(map, set));
    assert.deepEqual(pairs(likeMap), pairs(map));
    assert.deepEqual(members(likeSet), members(set));
  }
});
