import assert from "node:assert/strict";
import { test } from "node:test";
import { isFrom, selects, type Selection } from "../../src/operate/selection.ts";

test("a sender is meant by address, by domain, or as nobody", () => {
  const cases: [string, string, boolean][] = [
    ["app@one.example", "app@one.example", true],
    ["App@One.Example", "app@one.example", true],
    ["app@one.example", "xapp@one.example", false],
    ["one.example", "app@one.example", true],
    ["@one.example", "app@one.example", true],
    ["one.example", "app@sub.one.example", false],
    ["ne.example", "app@one.example", false],
    ["", "", true],
    ["", "app@one.example", false],
    ["one.example", "", false],
  ];
  for (const [wanted, sender, expected] of cases)
    assert.equal(isFrom(wanted, sender), expected, `${wanted}: ${sender}`);
});

test("all that a selection names must hold", () => {
  const job = { id: "M1/one.example", message: "M1", domain: "one.example", state: "deferred" as const };
  const cases: [Selection, boolean][] = [
    [{}, true],
    [{ messages: ["M0", "M1"] }, true],
    [{ messages: ["M2"] }, false],
    [{ to: "one.example" }, true],
    [{ to: "two.example" }, false],
    [{ state: "deferred", to: "one.example" }, true],
    [{ state: "held", to: "one.example" }, false],
  ];
  for (const [selection, expected] of cases) assert.equal(selects(selection, job), expected, JSON.stringify(selection));
});
