import assert from "node:assert/strict";
import { test } from "node:test";
import type { Domain } from "../../src/dns/answer.ts";
import { openRuleBook, type RuleBookParts } from "../../src/operate/rule-book.ts";
import type { OperatorAction } from "../../src/store/operator-actions.ts";
import { createRuleStore } from "../../src/store/rules.ts";
import { rulesChannel } from "../../src/store/keys.ts";
import { open, redisCli, until } from "../store/support.ts";
import { startTestRedis } from "../support/redis.ts";
import { exceptionFor, HOUR, NOW } from "./support.ts";

/** One process of the relay, on a connection and with a clock of its own. */
async function openProcess(socketPath: string, change: Partial<RuleBookParts> = {}) {
  const connection = await open(socketPath);
  const clock = { now: NOW };
  const changed: Domain[] = [];
  const actions: OperatorAction[] = [];
  const faults: unknown[] = [];
  const store = createRuleStore(connection, () => clock.now);
  const book = await openRuleBook({
    store,
    now: () => clock.now,
    onAction: (action) => actions.push(action),
    onChange: async (domains) => changed.push(...domains),
    onFault: (err) => faults.push(err),
    everyMs: 100,
    ...change,
  });
  return {
    clock,
    changed,
    actions,
    faults,
    store,
    book,
    async [Symbol.asyncDispose]() {
      await book.close();
      await connection.close();
    },
  };
}

test("all processes go by an exception within a second, and each makes the domain's mail due after that", async () => {
  await using redis = await startTestRedis();
  await using one = await openProcess(redis.socketPath);
  await using two = await openProcess(redis.socketPath, { everyMs: 60_000 });
  const listeners = () => redisCli(redis.socketPath, "PUBSUB", "NUMSUB", rulesChannel);
  await until(async () => (await listeners()).endsWith(") (integer) 2"), "both listen");
  const exception = exceptionFor("a.example");
  const setAt = Date.now();
  await one.store.set(exception);
  for (const { book, changed } of [one, two]) {
    await until(() => changed.length > 0, "the process knows");
    assert.deepEqual(book.find("a.example"), exception);
    assert.equal(book.find("b.example"), undefined);
    assert.equal(book.find("sub.a.example"), undefined);
    assert.deepEqual(changed, ["a.example"]);
  }
  assert.ok(Date.now() - setAt < 1_000, `${Date.now() - setAt} ms`);
  assert.equal(one.actions.length + two.actions.length, 1, "one process tells it");

  const before = one.book.find("a.example");
  await one.store.set(exceptionFor("b.example"));
  await until(() => one.book.find("b.example") !== undefined, "the process knows");
  assert.equal(one.book.find("a.example"), before, "the same object");
  await one.store.remove("a.example", "bert");
  await until(() => two.book.find("a.example") === undefined, "it is gone");
});

test("a process that misses the word looks by itself", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createRuleStore(connection);
  const deaf = { ...store, listen: () => ({ stop: async () => undefined }) };
  await using one = await openProcess(redis.socketPath, { store: deaf });
  await store.set(exceptionFor("a.example"));
  await until(() => one.book.find("a.example") !== undefined, "it looks");
});

test("an exception is over the moment its time is, and then ended for all, once", async () => {
  await using redis = await startTestRedis();
  await using one = await openProcess(redis.socketPath);
  await using two = await openProcess(redis.socketPath);
  await one.store.set(exceptionFor("a.example"));
  await until(() => one.changed.length + two.changed.length === 2, "both know");
  one.clock.now = NOW + HOUR;
  assert.equal(one.book.find("a.example"), undefined);
  assert.notEqual(two.book.find("a.example"), undefined, "by its own clock it still holds");
  two.clock.now = NOW + HOUR;
  await until(() => one.changed.length + two.changed.length === 4, "both have made the mail due");
  assert.deepEqual(await one.store.list(), []);
  const kinds = [...one.actions, ...two.actions].map(({ kind }) => kind).sort();
  assert.deepEqual(kinds, ["rule-ended", "rule-set"]);
});

test("what was set while no relay ran is told at the start, and the mail made due", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  await createRuleStore(connection).set(exceptionFor("a.example"));
  await using one = await openProcess(redis.socketPath);
  assert.notEqual(one.book.find("a.example"), undefined, "known before anything is sent");
  await until(() => one.changed.length === 1, "the mail is made due");
  assert.deepEqual(
    one.actions.map(({ kind }) => kind),
    ["rule-set"],
  );
});

test("with Redis away the exceptions stay in force, and mail is made due when that works again", async () => {
  await using redis = await startTestRedis();
  let fails = 3;
  const changed: Domain[][] = [];
  const onChange = async (domains: Domain[]) => {
    fails -= 1;
    if (fails > 0) throw new Error("Redis is away");
    changed.push(domains);
  };
  await using one = await openProcess(redis.socketPath, { onChange });
  await one.store.set(exceptionFor("a.example", { what: { kind: "mta-sts", rule: "require" } }));
  await until(() => changed.length === 1, "it is tried again");
  assert.deepEqual(changed, [["a.example"]]);
  assert.equal(one.faults.length, 1, "told once");
  await redis.stop();
  await until(() => one.faults.length === 2, "it is noticed");
  assert.notEqual(one.book.find("a.example"), undefined);
});
