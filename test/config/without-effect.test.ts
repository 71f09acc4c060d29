import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { directory, lines, MACHINE, read } from "./read.ts";

test("a setting that another one makes void is warned of, with its place, and is no error", (t) => {
  const url = "redis://127.0.0.1:6379/0";
  const dirBeside = (place: string) =>
    `${place} redis.dir: warning: it has no effect beside redis.url: it is for the relay's own Redis; set one of the two`;
  const cases: [yaml: string, env: Record<string, string>, expected: (string | RegExp)[]][] = [
    ["redis: { dir: /data }", {}, []],
    [`redis: { url: "${url}" }`, {}, []],
    [`redis: { url: "${url}", dir: null }`, {}, []],
    [`redis:\n  url: ${url}\n  dir: /data`, {}, [dirBeside("config/relay.yaml:3")]],
    [`redis: { url: "${url}", maxMemory: 1GiB }`, {}, [/redis\.maxMemory: warning: it has no effect/]],
    ["redis: { dir: /data }", { REDIS_URL: url }, [dirBeside("config/relay.yaml:1")]],
    [`redis: { url: "${url}" }`, { RELAY_REDIS__DIR: "/data" }, [dirBeside("RELAY_REDIS__DIR")]],
  ];
  for (const [yaml, env, expected] of cases) {
    const found = lines(read(t, yaml, env));
    assert.equal(found.length, expected.length, `${yaml}: ${found.join("\n")}`);
    for (const [index, words] of expected.entries()) {
      if (typeof words === "string") assert.equal(found[index], words, yaml);
      else assert.match(found[index] ?? "", words, yaml);
    }
  }
  const cwd = directory(t, { "config/relay.yaml": `redis: { url: "${url}", dir: /data }` });
  assert.equal(loadConfig({ cwd, env: {}, machine: MACHINE }).config.redis.url, url);
});
