import assert from "node:assert/strict";
import { test } from "node:test";
import { compare, measuredTable, ratioTable } from "../../scripts/lib/bench/compare.ts";
import { parseStat, secondsOf } from "../../scripts/lib/bench/cpu.ts";
import { describeFlow, growthOf } from "../../scripts/lib/bench/flow.ts";
import { faultOf, type Measurement, summarise } from "../../scripts/lib/bench/measurement.ts";
import { partsPart } from "../../scripts/lib/bench/page.ts";
import { latency, median, percentile, ratios, spread } from "../../scripts/lib/bench/statistics.ts";
import { figure, markdownTable, plainTable } from "../../scripts/lib/bench/table.ts";

test("a median is the value in the middle, or between the two in the middle", () => {
  const cases: [number[], number][] = [
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 3, 2], 2.5],
    [[10, 2], 6],
    [[], Number.NaN],
  ];
  for (const [values, expected] of cases) assert.equal(median(values), expected, values.join(" "));
  assert.deepEqual(spread([9, 1, 5]), { median: 5, least: 1, most: 9 });
});

test("a percentile is a value that occurred, and is not exceeded by that part of all", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.deepEqual(latency(hundred), { p50: 50, p99: 99 });
  assert.equal(percentile([7], 0.99), 7);
  assert.equal(percentile([1, 2], 0.99), 2);
  assert.equal(percentile([], 0.5), Number.NaN);
});

test("a ratio is made of what was measured side by side, and of nothing else", () => {
  assert.deepEqual(ratios([4, 6, undefined, 8], [2, 2, 2, undefined]), [2, 3]);
  assert.deepEqual(ratios([4], [0]), []);
});

const usual: Measurement = {
  cell: "4k-tls-10",
  relay: "relay:1",
  round: 0,
  accepted: 100,
  refused: 0,
  delivered: 100,
  duplicates: 0,
  acceptRate: 100,
  deliveredRate: 100,
  cpuPerThousand: 1,
  ackMs: { p50: 1, p99: 2 },
  endToEndMs: { p50: 3, p99: 4 },
  waitMs: { p50: 2, p99: 3 },
  memoryMiB: 200,
  others: 0.05,
};

/** Delivered so many a second in each round, at a price in CPU seconds. */
const runs = (relay: Measurement["relay"], rates: number[], cpuPerThousand: number): Measurement[] =>
  rates.map((deliveredRate, round) => ({ ...usual, relay, round, deliveredRate, cpuPerThousand }));

test("the relay is compared with the Postfix that is best by each measure, round by round", () => {
  const measurements = [
    ...runs("postfix:default", [100, 100, 100], 1.5),
    ...runs("postfix:best", [200, 100, 300], 2),
    ...runs("relay:1", [400, 300, 600], 1),
  ];
  const found = compare(measurements);
  const of = (metric: string) => found.find((each) => each.metric === metric);
  assert.deepEqual(of("deliveredRate"), {
    cell: "4k-tls-10",
    relay: "relay:1",
    metric: "deliveredRate",
    beside: "postfix:best",
    ratio: { median: 2, least: 2, most: 3 },
    pairs: 3,
  });
  assert.equal(of("cpuPerThousand")?.beside, "postfix:default");
  assert.equal(found.length, 3);
  assert.deepEqual(ratioTable(found).rows, [
    ["4k-tls-10", "relay:1", "2.00 (2.00–3.00) of best", "1.00 (1.00–1.00) of default", "0.67 (0.67–0.67) of default"],
  ]);
});

test("the relay is compared with others than Postfix where these are named", () => {
  const measurements = [
    ...runs("postfix:best", [10, 10], 9),
    ...runs("parts", [400, 500], 1),
    ...runs("relay:1", [300, 500], 2),
  ];
  const found = compare(measurements, (relay) => relay === "parts").filter(({ relay }) => relay === "relay:1");
  const [delivered, , cpu] = found;
  assert.deepEqual([delivered?.beside, delivered?.ratio.median, cpu?.ratio.median], ["parts", 0.875, 2]);
});

test("the page of the parts sets the relay beside them, and both beside Postfix", () => {
  const measurements = [...runs("postfix:best", [100], 4), ...runs("parts", [400], 1), ...runs("relay:1", [300], 2)];
  const halfLoads = measurements.slice(-1).map((measurement) => ({ rate: 150, measurement }));
  const results = { measurements, halfLoads, queueMemory: [], faults: [], skipped: ["relay:2" as const] };
  const page = partsPart(results, [], "scripts/bench parts");
  const [toParts = "", toPostfix = ""] = page.split("### Ratios to the best Postfix");
  assert.match(toParts, /\| relay:1 \| 0\.75 \(0\.75–0\.75\) of parts/);
  assert.doesNotMatch(toParts, /postfix/);
  assert.match(toPostfix, /\| parts +\| 4\.00 /);
  assert.match(toPostfix, /\| relay:1 +\| 3\.00 /);
  assert.match(toPostfix, /relay:1 at half load \(150\/s\)[^|]*p99[^]*Left out, [^]*: relay:2\./);
});

test("a round that broke off takes no part in a ratio", () => {
  const [first, second, third] = runs("relay:1", [400, 300, 600], 1);
  assert.ok(first && second && third);
  const found = compare([...runs("postfix:best", [200, 100, 300], 2), first, third]);
  assert.deepEqual(found[0]?.ratio, { median: 2, least: 2, most: 2 });
  assert.equal(found[0]?.pairs, 2);
});

test("without a Postfix there is nothing to compare with", () => {
  assert.deepEqual(compare(runs("relay:1", [1, 2], 1)), []);
});

test("mail that is missing, came twice or was refused makes a run a failure", () => {
  const cases: [Partial<Measurement>, string | undefined][] = [
    [{}, undefined],
    [{ delivered: 99 }, "1 accepted and not delivered"],
    [{ duplicates: 2 }, "2 delivered twice"],
    [{ refused: 3 }, "3 refused"],
    [{ accepted: 0, delivered: 0 }, "nothing was accepted"],
  ];
  for (const [change, expected] of cases) assert.equal(faultOf({ ...usual, ...change }), expected);
  assert.equal(measuredTable([usual, { ...usual, delivered: 99 }]).rows[0]?.at(-1), "2, 1 FAILED");
});

test("rates end with the last message, and waiting begins with its 250", () => {
  const submitted = new Map([
    [0, { begunAt: 10, sentAt: 10.1, ackedAt: 10.2 }],
    // Taken by its mail host before its client had read the 250.
    [1, { begunAt: 10, sentAt: 10.1, ackedAt: 10.5 }],
    [2, { begunAt: 11, sentAt: 11.5, ackedAt: 12 }],
  ]);
  const load = {
    accepted: 3,
    failed: 0,
    connections: 1,
    textBytes: 0,
    begunAt: 10,
    lastAckedAt: 12,
    failure: "",
    submitted,
  };
  const counts = {
    unique: 2,
    duplicates: 0,
    unnumbered: 0,
    connections: 1,
    handshakes: 1,
    failedHandshakes: 0,
    lastAt: 14,
  };
  const takenAt = new Map([
    [0, 14],
    [1, 10.4],
  ]);
  const measured = summarise(usual, { load, counts, takenAt, cpuSeconds: 1 });
  const { acceptRate, deliveredRate, cpuPerThousand, delivered } = measured;
  assert.deepEqual([acceptRate, deliveredRate, cpuPerThousand, delivered], [1.5, 0.5, 500, 2]);
  assert.deepEqual([Math.round(measured.waitMs.p50), Math.round(measured.waitMs.p99)], [0, 3_800]);
  assert.equal(Math.round(measured.endToEndMs.p99), 4_000);
});

test("of a steady flow, what came late or never is held", () => {
  const at = (ackedAt: number) => ({ begunAt: ackedAt, sentAt: ackedAt, ackedAt });
  const submitted = new Map([0, 1, 2, 3].map((number) => [number, at(number)]));
  const takenAt = new Map([
    [0, 0.5],
    [1, 2.5],
    [2, 2.9],
  ]);
  const { accepted, delivered, inTime, held } = describeFlow(submitted, takenAt, 2.6);
  assert.deepEqual({ accepted, delivered, inTime, held }, { accepted: 4, delivered: 3, inTime: 2, held: 2 });
});

test("growth is the last quarter beside the first", () => {
  assert.equal(growthOf([100, 100, 500, 500, 0, 0, 150, 150]), 1.5);
  assert.equal(growthOf([1, 2]), Number.NaN);
});

test("CPU time of a process is its own and that of children that have ended (proc(5))", () => {
  const stat = "42 (a (strange) name) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 1000 20 0 1 0 5 6 7";
  assert.deepEqual(parseStat(42, stat), { pid: 42, parent: 7, ticks: 1_123 });
  assert.equal(secondsOf([parseStat(42, stat)]), 11.23);
});

test("tables are as wide as their widest cell, and Markdown's own sign is written out", () => {
  const table = { head: ["relay", "per s"], rows: [["relay:1", "5"], ["a|b"]] };
  assert.equal(plainTable(table), "relay    per s\nrelay:1      5\na|b");
  assert.equal(
    markdownTable(table),
    "| relay   | per s |\n| ------- | ----- |\n| relay:1 | 5     |\n| a\\|b    |       |",
  );
  assert.deepEqual([1234.5, 56.78, 0.834, Number.NaN].map(figure), ["1235", "56.8", "0.83", "–"]);
});
