import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatDuration, formatSize, parseDuration, parseSize } from "../../src/config/units.ts";

test("a duration is a number with its unit, or several of them", () => {
  const cases: Record<string, number | undefined> = {
    "500ms": 500,
    "30s": 30_000,
    "5m": 300_000,
    "1.5h": 5_400_000,
    "1h30m": 5_400_000,
    "5d": 432_000_000,
    "1w": 604_800_000,
    "0s": 0,
    "30": undefined,
    "": undefined,
    "5 m": undefined,
    "5M": undefined,
    "-5m": undefined,
    m: undefined,
    "1e3s": undefined,
    "99999999999999999d": undefined,
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(parseDuration(text), expected, text);
});

test("a size is a number with a binary unit", () => {
  const cases: Record<string, number | undefined> = {
    "512B": 512,
    "64KiB": 65_536,
    "25MiB": 26_214_400,
    "2 GiB": 2_147_483_648,
    "0.5MiB": 524_288,
    "25": undefined,
    "25MB": undefined,
    "25M": undefined,
    "25mib": undefined,
    "": undefined,
    "-1KiB": undefined,
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(parseSize(text), expected, text);
});

test("what is formatted is read back", () => {
  const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  fc.assert(fc.property(whole, (milliseconds) => parseDuration(formatDuration(milliseconds)) === milliseconds));
  fc.assert(fc.property(whole, (bytes) => parseSize(formatSize(bytes)) === bytes));
  assert.equal(formatDuration(3_600_000), "1h");
  assert.equal(formatSize(26_214_400), "25MiB");
});

test("no text makes the parsers throw", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseDuration(text);
      parseSize(text);
    }),
  );
});
