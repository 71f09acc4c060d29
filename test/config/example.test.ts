import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { renderExample } from "../../src/config/example.ts";
import { schema } from "../../src/config/schema.ts";
import { lines, read } from "./read.ts";

const committed = readFileSync(new URL("../../config/relay.example.yaml", import.meta.url), "utf8");

test("the committed example is what the schema says; if not: node scripts/generate-config-example.ts", () => {
  assert.equal(committed, renderExample(schema));
});

test("the example as it is changes nothing", (t) => {
  const draft = read(t, committed);
  assert.deepEqual(lines(draft), []);
  const { dir: _, ...redis } = draft.config.redis;
  const { dir: __, ...byDefault } = read(t, "").config.redis;
  assert.deepEqual({ ...draft.config, redis }, { ...read(t, "").config, redis: byDefault });
});

test("every setting of the example is right once its # is gone", (t) => {
  // Prose is "# " and a word; everything else behind a # is a setting.
  const uncommented = committed.replaceAll(/^( *)#(?! \S)(?!$)/gm, "$1");
  const draft = read(t, uncommented);
  // All at once they leave some without effect; none is wrong.
  assert.deepEqual(
    draft.problems.filter(({ severity }) => severity === "error"),
    [],
  );
  const set = draft.config;
  assert.equal(set.hostname, "relay.example.com");
  assert.equal(set.domains["example.com"]?.mtaSts, "require");
  assert.equal(set.shutdown.graceMs, 30_000);
});
