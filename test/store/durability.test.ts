import assert from "node:assert/strict";
import { test } from "node:test";
import { checkDurability, judgeDurability, type ServerSettings } from "../../src/store/durability.ts";
import { startTestRedis } from "../support/redis.ts";
import { open } from "./support.ts";

const safe: ServerSettings = {
  version: "7.0.15",
  evictionPolicy: "noeviction",
  appendonly: "yes",
  appendfsync: "always",
};

test("what Redis may forget is said: fatal where mail would be thrown away, else for the caller to decide", () => {
  const cases: Array<[Partial<ServerSettings>, string, string[]]> = [
    [{}, "always", []],
    [{ appendfsync: "everysec" }, "everysec", ["not-durable"]],
    [{ appendfsync: "no" }, "no", ["not-durable"]],
    [{ appendonly: "no" }, "off", ["not-durable"]],
    [{ appendonly: undefined, appendfsync: undefined }, "unknown", ["unknown"]],
    [{ appendfsync: undefined }, "unknown", ["unknown"]],
    [{ appendfsync: "surprise" }, "unknown", ["unknown"]],
    [{ evictionPolicy: "allkeys-lru" }, "always", ["eviction fatal"]],
    [{ evictionPolicy: "volatile-ttl" }, "always", ["eviction fatal"]],
    [{ evictionPolicy: undefined }, "always", ["unknown"]],
    [{ version: "6.2.0" }, "always", []],
    [{ version: "6.0.16" }, "always", ["version fatal"]],
    [{ version: "5.0.14" }, "always", ["version fatal"]],
    [{ version: "10.1.0" }, "always", []],
    [{ version: undefined }, "always", ["unknown"]],
  ];
  for (const [settings, fsync, expected] of cases) {
    const judged = judgeDurability({ ...safe, ...settings });
    const problems = judged.problems.map(({ kind, fatal }) => (fatal ? `${kind} fatal` : kind));
    assert.deepEqual([judged.fsync, problems], [fsync, expected], JSON.stringify(settings));
  }
});

test("the embedded server is durable, and a changed setting is seen", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  assert.deepEqual((await checkDurability(connection.redis)).problems, []);
  await connection.redis.config("SET", "maxmemory-policy", "allkeys-lru");
  await connection.redis.config("SET", "appendfsync", "everysec");
  const kinds = (await checkDurability(connection.redis)).problems.map(({ kind }) => kind);
  assert.deepEqual(kinds, ["eviction", "not-durable"]);
});

test("a managed Redis that denies CONFIG is unknown, not durable and not a fault", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  await connection.redis.call("ACL", "SETUSER", "default", "-config");
  const found = await checkDurability(connection.redis);
  assert.deepEqual([found.evictionPolicy, found.fsync], ["noeviction", "unknown"]);
  assert.deepEqual(
    found.problems.map(({ kind, fatal }) => [kind, fatal]),
    [["unknown", false]],
  );
});
