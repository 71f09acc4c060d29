import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRate } from "../../src/config/rate.ts";
import { lines, read } from "./read.ts";

test("a rate is a count and a time", () => {
  const cases: Record<string, ReturnType<typeof parseRate>> = {
    "1000/1m": { count: 1_000, periodMs: 60_000 },
    "1/1s": { count: 1, periodMs: 1_000 },
    "20/1h30m": { count: 20, periodMs: 5_400_000 },
    "1000": undefined,
    "1000/": undefined,
    "/1m": undefined,
    "1000/m": undefined,
    "1000 / 1m": undefined,
    "-1/1m": undefined,
    "1.5/1m": undefined,
    "9999999999/1m": undefined,
  };
  for (const [text, expected] of Object.entries(cases)) assert.deepEqual(parseRate(text), expected, text);
});

test("rates are settings of their own, each with a place for its problem", (t) => {
  const good = read(t, "submission: { rates: { perClient: { messages: 10/1m }, total: { recipients: 5/1s } } }");
  assert.deepEqual(lines(good), []);
  assert.deepEqual(good.config.submission.rates, {
    perClient: { messages: { count: 10, periodMs: 60_000 } },
    perUser: {},
    total: { recipients: { count: 5, periodMs: 1_000 } },
  });
  const inEnvironment = read(t, "", { RELAY_SUBMISSION__RATES__PER_USER__MESSAGES: "7/1h" });
  assert.deepEqual(inEnvironment.config.submission.rates.perUser, { messages: { count: 7, periodMs: 3_600_000 } });
  const wrong: Record<string, RegExp> = {
    "0/1m": /a count of 0/,
    "10/10ms": /too short/,
    "10/2d": /too long/,
    "10/1500ms": /whole seconds/,
    many: /"many" is not a rate/,
  };
  for (const [text, problem] of Object.entries(wrong)) {
    const [line = ""] = lines(read(t, `submission:\n  rates:\n    total:\n      messages: ${text}\n`));
    assert.match(line, /^config\/relay\.yaml:4 submission\.rates\.total\.messages: /);
    assert.match(line, problem);
  }
});
