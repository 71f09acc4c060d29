/** What makes a new policy weaker than the one before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Policy } from "../../src/mta-sts/answer.ts";
import { weakening } from "../../src/mta-sts/change.ts";

const enforce: Policy = { mode: "enforce", mx: ["a.example", "b.example"], maxAgeSeconds: 604_800 };
const testing: Policy = { ...enforce, mode: "testing" };
const none: Policy = { mode: "none", mx: [], maxAgeSeconds: 86_400 };

test("what is weaker is said in words (STS-CACHE-5)", () => {
  const cases: [name: string, before: Policy, after: Policy, expected: string | undefined][] = [
    ["nothing changed", enforce, { ...enforce }, undefined],
    ["another order", enforce, { ...enforce, mx: ["b.example", "a.example"] }, undefined],
    ["a longer life", enforce, { ...enforce, maxAgeSeconds: 31_557_600 }, undefined],
    ["enforce to testing", enforce, testing, "mode goes from enforce to testing"],
    ["enforce to none", enforce, none, "mode goes from enforce to none"],
    ["testing to none", testing, none, "mode goes from testing to none"],
    ["testing to enforce", testing, enforce, undefined],
    ["none to testing", none, testing, undefined],
    ["none to none, with hosts", none, { ...none, mx: ["x.example"], maxAgeSeconds: 1 }, undefined],
    ["a host less", enforce, { ...enforce, mx: ["a.example"] }, "mx no longer permitted: b.example"],
    ["a host more", enforce, { ...enforce, mx: [...enforce.mx, "*.c.example"] }, "mx newly permitted: *.c.example"],
    [
      "other hosts",
      enforce,
      { ...enforce, mx: ["c.example", "d.example"] },
      "mx no longer permitted: a.example, b.example; mx newly permitted: c.example, d.example",
    ],
    ["a shorter life", enforce, { ...enforce, maxAgeSeconds: 0 }, "max_age falls from 604800 to 0 seconds"],
    [
      "all at once",
      enforce,
      { mode: "testing", mx: ["a.example"], maxAgeSeconds: 60 },
      "mode goes from enforce to testing; mx no longer permitted: b.example; max_age falls from 604800 to 60 seconds",
    ],
  ];
  for (const [name, before, after, expected] of cases) assert.equal(weakening(before, after), expected, name);
});
