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
  ];
  for (const [args, values] of cases) assert.deepEqual(readArguments(OPTIONS, args), { values }, args.join(" "));
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
