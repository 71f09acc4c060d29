import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { differences, withValueFrom } from "../../src/config/difference.ts";
import { read } from "./read.ts";

/** All in one directory, which a relative path starts at. */
const config = (t: TestContext, yaml: string) => read(t, `redis: { dir: /data }\n${yaml}`).config;

test("settings that differ are named as in the file, whatever the unit of their value", (t) => {
  const cases: [before: string, after: string, names: string[]][] = [
    ["", "", []],
    ["retry: { lifetime: 5d }", "retry: { lifetime: 120h }", []],
    ["", "retry: { lifetime: 1d, schedule: [1m] }", ["retry.schedule", "retry.lifetime"]],
    ["", "submission: { maxMessageSize: 1MiB }", ["submission.maxMessageSize"]],
    ["", "submission: { rates: { total: { messages: 1/1s } } }", ["submission.rates.total.messages"]],
    ["submission: { rates: { total: { messages: 1/1s } } }", "", ["submission.rates.total.messages"]],
    ["", 'domains: { "a.example": { mtaSts: require } }', ["domains"]],
    ["", "log: { level: debug }\nhostname: other.example", ["hostname", "log.level"]],
    [
      "",
      "submission: { certificate: { certFile: /a, keyFile: /b } }",
      ["submission.listeners", "submission.certificate.certFile", "submission.certificate.keyFile"],
    ],
  ];
  for (const [before, after, names] of cases) {
    const found = differences(config(t, before), config(t, after)).map(({ setting }) => setting);
    assert.deepEqual(found, names, `${before} -> ${after}`);
  }
});

test("a value that is taken over leaves all others as they were, the same objects", (t) => {
  const before = config(t, "");
  const after = config(t, "retry: { lifetime: 1d }\nsubmission: { rates: { total: { messages: 1/1s } } }");
  const [rates, lifetime] = differences(before, after);
  assert.ok(rates && lifetime);
  const mixed = withValueFrom(before, lifetime.keys, after);
  assert.equal(mixed.retry.lifetimeMs, 86_400_000);
  assert.equal(mixed.retry.scheduleMs, before.retry.scheduleMs);
  assert.equal(mixed.submission, before.submission);
  assert.deepEqual(differences(mixed, after), [rates]);
  assert.deepEqual(
    withValueFrom(withValueFrom(mixed, rates.keys, after), rates.keys, before),
    mixed,
    "also a value that is gone",
  );
});
