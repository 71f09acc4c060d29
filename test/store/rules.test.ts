import assert from "node:assert/strict";
import { test } from "node:test";
import { rulesKey } from "../../src/store/keys.ts";
import { operatorTrail } from "../../src/store/operator-actions.ts";
import { createRuleStore } from "../../src/store/rules.ts";
import { exceptionFor, HOUR, NOW } from "../operate/support.ts";
import { startTestRedis } from "../support/redis.ts";
import { open, redisCli, until } from "./support.ts";

test("an exception is kept as it was set, in JSON with times that an operator can read", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createRuleStore(connection, () => NOW);
  const pinned = exceptionFor("b.example", { what: { kind: "pin", mx: ["mx.b.example"] } });
  const { until: _, ...endless } = exceptionFor("a.example");
  await store.set(endless);
  await store.set(pinned);
  const byDomain = async () => (await store.list()).sort((a, b) => a.domain.localeCompare(b.domain));
  assert.deepEqual(await byDomain(), [endless, pinned]);
  assert.match(await redisCli(redis.socketPath, "HGET", rulesKey, "b.example"), /2026-11-22T11:00:00.000Z/);

  const other = exceptionFor("a.example", { what: { kind: "mta-sts", rule: "require" } });
  await store.set(other);
  assert.deepEqual(await byDomain(), [other, pinned], "in the place of the one before");
  assert.deepEqual(await store.remove("a.example", "bert"), other);
  assert.equal(await store.remove("a.example", "bert"), undefined);
  assert.deepEqual(await store.list(), [pinned]);
});

test("what was done is kept as a trail, and handed out once", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createRuleStore(connection, () => NOW);
  await store.set(exceptionFor("a.example"));
  await store.set(exceptionFor("b.example"));
  await store.remove("a.example", "bert");
  await store.endDue(NOW + HOUR);
  const kinds = ["rule-set", "rule-set", "rule-removed", "rule-ended"];
  assert.deepEqual((await operatorTrail(connection.redis)).map(({ kind }) => kind).toReversed(), kinds);
  const taken = await Promise.all([store.takeActions(), store.takeActions()]);
  assert.deepEqual(
    taken.flat().map(({ kind }) => kind),
    kinds,
  );
  const [, , removed] = taken.flat();
  assert.ok(removed?.kind === "rule-removed");
  assert.deepEqual([removed.by, removed.exception.by, removed.domain], ["bert", "anna@mail", "a.example"]);
});

test("only those whose time is over are ended, each once, and never the one that was set in its place", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createRuleStore(connection, () => NOW);
  await store.set(exceptionFor("over.example"));
  await store.set(exceptionFor("later.example", { until: NOW + 2 * HOUR }));
  await store.takeActions();
  await Promise.all([store.endDue(NOW + HOUR), store.endDue(NOW + HOUR), store.endDue(NOW + HOUR)]);
  assert.deepEqual(
    (await store.takeActions()).map(({ kind, domain }) => [kind, domain]),
    [["rule-ended", "over.example"]],
  );
  assert.deepEqual(
    (await store.list()).map(({ domain }) => domain),
    ["later.example"],
  );
});

test("whoever has seen the version is told nothing until something changes; lost data are a change", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createRuleStore(connection, () => NOW);
  const first = await store.readSince(undefined);
  assert.deepEqual(first, { version: "0", exceptions: [] });
  assert.equal(await store.readSince("0"), undefined);
  await store.set(exceptionFor("a.example"));
  const second = await store.readSince("0");
  assert.deepEqual(second, { version: "1", exceptions: [exceptionFor("a.example")] });
  assert.equal(await store.readSince("1"), undefined);
  await redisCli(redis.socketPath, "FLUSHALL");
  assert.deepEqual(await store.readSince("1"), { version: "0", exceptions: [] });
});

test("a listener hears of each change, also after its connection was cut", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createRuleStore(connection, () => NOW);
  let heard = 0;
  const listening = store.listen(() => (heard += 1));
  const isListening = async () => (await redisCli(redis.socketPath, "PUBSUB", "CHANNELS")).includes("rules-changed");
  await until(isListening, "it subscribes");
  await store.set(exceptionFor("a.example"));
  await until(() => heard === 1, "it hears");
  await redisCli(redis.socketPath, "CLIENT", "KILL", "TYPE", "pubsub");
  await until(isListening, "it subscribes again");
  await store.remove("a.example", "bert");
  await until(() => heard === 2, "it hears again");
  await listening.stop();
  await until(async () => !(await isListening()), "it stops");
});

test("a record that cannot be read holds the domain's mail: it may have asked for more, not for less", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createRuleStore(connection, () => NOW);
  const broken = [
    "",
    "no JSON",
    "null",
    "{}",
    '{"what":{"kind":"mta-sts","rule":"off"},"by":"a","reason":"b","setAt":"2026"}',
  ];
  for (const text of broken) {
    await connection.redis.hset(rulesKey, "a.example", text);
    const [exception] = await store.list();
    assert.deepEqual(exception?.what, { kind: "pin", mx: [] }, text);
    assert.equal(exception.until, undefined);
  }
  await store.remove("a.example", "bert");
  assert.deepEqual(await store.list(), [], "it can be removed");
});
