import assert from "node:assert/strict";
import { test } from "node:test";
import { readArguments } from "../../src/cli/arguments.ts";
import type { Options } from "../../src/cli/command.ts";

const OPTIONS: Options = {
  config: { type: "string", short: "c", value: "FILE", says: "the file" },
  json: { type: "boolean", says: "as JSON" },
};

test("options are read in every usual form", () => {
  const cases: [string[], Record<string, string | true>][] = [
    [[], {}],
    [["--config", "a.yaml"], { config: "a.yaml" }],
    [["--config=a.yaml", "--json"], { config: "a.yaml", json: true }],
    [["-c", "a.yaml"], { config: "a.yaml" }],
    [["-ca.yaml"], { config: "a.yaml" }],
    [["--config=--json"], { config: "--json" }],
    [["--config", "-"], { config: "-" }],
  ];
  for (const [args, values] of cases) assert.deepEqual(readArguments(OPTIONS, args), { values }, args.join(" "));
});

test("what stands there without an option before it is taken where it is expected, and counted", () => {
  const one = { name: "DOMAIN" };
  const some = { name: "ID", least: 0, most: 2 };
  assert.deepEqual(readArguments(OPTIONS, ["a.example", "--json"], one), {
    values: { json: true },
    operands: ["a.example"],
  });
  assert.deepEqual(readArguments(OPTIONS, ["--", "-x"], one), { values: {}, operands: ["-x"] });
  assert.deepEqual(readArguments(OPTIONS, ["--json"], one), { wrong: "DOMAIN is missing" });
  assert.deepEqual(readArguments(OPTIONS, ["a", "b"], one), {
    wrong: '"b" is not expected; known: --config, --json',
  });
  assert.deepEqual(readArguments(OPTIONS, [], some), { values: {}, operands: [] });
  assert.deepEqual(readArguments(OPTIONS, ["a", "b"], some), { values: {}, operands: ["a", "b"] });
  assert.ok("wrong" in readArguments(OPTIONS, ["a", "b", "c"], some));
});

test("a wrong argument is said with what would be right", () => {
  const cases: [string[], string][] = [
    [["--confg", "a"], 'there is no option --confg; did you mean "--config"?'],
    [["--x"], "there is no option --x; known: --config, --json"],
    [["--json=1"], "--json takes no value"],
    [["--config"], "--config needs a value: --config FILE"],
    [["--config="], "--config needs a value: --config FILE"],
    [["--config", "--json"], "--config needs a value: --config FILE"],
    [["json"], '"json" is not expected; did you mean "--json"?'],
    [["a.yaml"], '"a.yaml" is not expected; known: --config, --json'],
    [["--", "x"], '"x" is not expected; known: --config, --json'],
  ];
  for (const [args, wrong] of cases) assert.deepEqual(readArguments(OPTIONS, args), { wrong }, args.join(" "));
});
