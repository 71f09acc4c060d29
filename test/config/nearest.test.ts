import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest, suggestion } from "../../src/config/nearest.ts";

const KNOWN = ["listeners", "trustedNetworks", "users", "port", "maxMessageSize"];

test("a mistyped word leads to the nearest known one, and to none when none is near", () => {
  const cases: Record<string, string | undefined> = {
    listener: "listeners",
    listenres: "listeners",
    LISTENERS: "listeners",
    trustednetwork: "trustedNetworks",
    prot: "port",
    user: "users",
    maxMesageSize: "maxMessageSize",
    colour: undefined,
    x: undefined,
    "": undefined,
  };
  for (const [word, expected] of Object.entries(cases)) assert.equal(nearest(word, KNOWN), expected, word);
});

test("a suggestion is a question, or nothing", () => {
  assert.equal(suggestion("prot", KNOWN), 'did you mean "port"?');
  assert.equal(suggestion("colour", KNOWN), "");
});
