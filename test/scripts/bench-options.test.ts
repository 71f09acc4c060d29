import assert from "node:assert/strict";
import { test } from "node:test";
import { ALL_CELLS, FULL_CELLS, PARTS_CELLS, QUICK_CELLS } from "../../scripts/lib/bench/cells.ts";
import { readOptions } from "../../scripts/lib/bench/options.ts";
import { replacePart } from "../../scripts/lib/bench/page.ts";

test("without arguments all of the page is measured, in three pairs", () => {
  const options = readOptions([]);
  assert.equal(options.command, "rates");
  if (options.command !== "rates") return;
  const { cells, relays, pairs, messages, write } = options;
  assert.deepEqual([cells, pairs, messages, write], [FULL_CELLS, 3, 5_000, false]);
  assert.deepEqual(relays, ["postfix:default", "postfix:tuned", "postfix:best", "relay:1", "relay:2"]);
});

test("cells, relays and pairs are chosen by name and number", () => {
  const options = readOptions([
    "--quick",
    "--cells",
    "4k-plain-100-kept,half-load",
    "--relays",
    "relay:4",
    "--pairs=5",
  ]);
  assert.equal(options.command, "rates");
  if (options.command !== "rates") return;
  assert.deepEqual(
    [options.cells, options.relays, options.pairs],
    [["4k-plain-100-kept", "half-load"], ["relay:4"], 5],
  );
});

test("the relay is measured beside its own parts in the cells that the targets are about", () => {
  const options = readOptions(["parts", "--pairs", "4"]);
  assert.equal(options.command, "parts");
  if (options.command !== "parts") return;
  const { cells, relays, pairs, messages } = options;
  assert.deepEqual([cells, pairs, messages], [PARTS_CELLS, 4, 2_500]);
  assert.deepEqual(relays, ["postfix:tuned", "postfix:best", "parts", "relay:1", "relay:2"]);
  const chosen = readOptions(["--relays", "parts,relay:1"]);
  assert.deepEqual(chosen.command === "rates" && chosen.relays, ["parts", "relay:1"]);
});

test("the size of a fairness run is chosen", () => {
  const options = readOptions(["fairness", "--dead", "500", "--tarpit", "50", "--rate", "20", "--seconds", "10"]);
  const { dead, tarpit, rate, seconds, processes } = options as Extract<typeof options, { command: "fairness" }>;
  assert.deepEqual([dead, tarpit, rate, seconds, processes], [500, 50, 20, 10, 1]);
});

test("what is not known or out of bounds is refused with its place", () => {
  const cases: [string[], RegExp][] = [
    [["--cells", "4k-tls-11"], /--cells: 4k-tls-11 is none of 4k-tls-10,/],
    [["--relays", "exim"], /--relays: exim is none of/],
    [["--relays", "relay:0"], /--relays: relay:0/],
    [["--pairs", "0"], /--pairs: 0 is no whole number from 1 to 50/],
    [["--pairs", "three"], /--pairs: three/],
    [["--max-others", "much"], /--max-others: much/],
    [["fairness", "--dead", "1000000"], /--dead: 1000000/],
    [["fairness", "--rate", "5000", "--seconds", "600"], /more than 400000 messages/],
    [["fairly"], /what is fairly\?/],
    [["--cpu", "v3"], /--cpu: v3/],
    [["--fast"], /--fast/],
  ];
  for (const [args, expected] of cases) assert.throws(() => readOptions(args), expected, args.join(" "));
});

test("help is given whatever else is asked for", () => {
  assert.deepEqual(readOptions(["fairness", "--help"]), { command: "help" });
});

test("the cells of all modes exist", () => {
  for (const name of [...FULL_CELLS, ...QUICK_CELLS, ...PARTS_CELLS]) assert.ok(ALL_CELLS.includes(name), name);
  assert.ok(FULL_CELLS.includes("64k-tls-10-kept") && FULL_CELLS.includes("4k-plain-100"));
  assert.ok(!FULL_CELLS.includes("64k-tls-100"));
});

test("a part of the page is replaced, and the others stay", () => {
  const one = replacePart("", "fairness", "## Fair $1\n");
  const both = replacePart(one, "rates", "## Rates\n");
  assert.match(
    both,
    /^# Benchmark\n[^]*<!-- rates -->\n\n## Rates\n\n<!-- end of rates -->\n\n<!-- fairness -->\n\n## Fair \$1\n/,
  );
  const again = replacePart(both, "rates", "## Other rates\n");
  assert.equal(again, both.replace("## Rates", "## Other rates"));
  const all = replacePart(both, "parts", "## Parts\n");
  const headings = [...all.matchAll(/^## (\w+)/gm)].map(([, word]) => word);
  assert.deepEqual(headings, ["Rates", "Parts", "Fair"]);
});
