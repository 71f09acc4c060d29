import assert from "node:assert/strict";
import { test } from "node:test";
import type { KnownFailure, KnownPolicy } from "../../src/mta-sts/answer.ts";
import { createPolicyStore } from "../../src/store/policy-store.ts";
import { startTestRedis } from "../support/redis.ts";
import { open, type Opened, redisCli, until } from "./support.ts";

const dayMs = 24 * 60 * 60 * 1_000;
const now = Date.now();

function known(changes: Partial<KnownPolicy> = {}): KnownPolicy {
  return {
    domain: "one.example",
    id: "20261122",
    policy: { mode: "enforce", mx: ["*.one.example"], maxAgeSeconds: 604_800 },
    text: "version: STSv1\r\nmode: enforce\r\nmx: *.one.example\r\nmax_age: 604800\r\n",
    fetchedAt: now,
    expiresAt: now + 7 * dayMs,
    ...changes,
  };
}

const failure: KnownFailure = {
  id: "20261122",
  resultType: "sts-policy-fetch-error",
  detail: "status 404",
  failedAt: now,
  retryAt: now + 300_000,
};

type Store = ReturnType<typeof createPolicyStore>;

async function withStore(use: (store: Store, connection: Opened, socketPath: string) => Promise<void>): Promise<void> {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  await use(createPolicyStore(connection), connection, redis.socketPath);
}

test("a policy comes back as it was put, and an operator can read it (STS-CACHE-4)", () =>
  withStore(async (store, _connection, socketPath) => {
    assert.equal(await store.get("one.example"), undefined);
    await store.put(known(), now + dayMs);
    assert.deepEqual(await store.get("one.example"), known());
    assert.equal(await store.get("sub.one.example"), undefined);
    const text = await redisCli(socketPath, "GET", "{relay}:policy:one.example");
    assert.match(text, new RegExp(new Date(known().expiresAt).toISOString()));
  }));

test("a policy is kept for 30 days after its expiry, and at least until then (STS-CACHE-1)", () =>
  withStore(async (store, { redis }) => {
    await store.put(known(), now + dayMs);
    assert.equal(await redis.call("PEXPIRETIME", "{relay}:policy:one.example"), now + 37 * dayMs);
    await store.put(known({ expiresAt: now - dayMs }), now);
    assert.equal((await store.get("one.example"))?.expiresAt, now - dayMs);
  }));

test("a failure is kept beside the policy and never touches it; a new policy ends it (STS-CACHE-2, STS-GET-7)", () =>
  withStore(async (store, { redis }) => {
    await store.put(known(), now + dayMs);
    await store.putFailure("one.example", failure);
    assert.deepEqual(await store.failure("one.example"), failure);
    assert.deepEqual(await store.get("one.example"), known());
    const forgottenAt = Number(await redis.call("PEXPIRETIME", "{relay}:policy-failure:one.example"));
    assert.ok(forgottenAt > failure.retryAt, "remembered beyond its pause, so that the next can be longer");
    await store.put(known({ id: "2" }), now + dayMs);
    assert.equal(await store.failure("one.example"), undefined);
  }));

test("one fetch at a time for a domain; the lock is given back by its holder only, and ends by itself (STS-GET-10)", () =>
  withStore(async (store, { redis }) => {
    const first = await store.lockFetch("one.example", 60_000);
    assert.ok(first !== undefined);
    assert.equal(await store.lockFetch("one.example", 60_000), undefined);
    assert.ok((await store.lockFetch("two.example", 60_000)) !== undefined);
    await first.release();
    const second = await store.lockFetch("one.example", 30);
    assert.ok(second !== undefined);
    await first.release();
    assert.equal(await redis.exists("{relay}:policy-lock:one.example"), 1, "another's lock stays");
    await until(async () => (await store.lockFetch("one.example", 60_000)) !== undefined, "the lock ends by itself");
    await second.release();
    assert.equal(await store.lockFetch("one.example", 60_000), undefined, "another's lock stays");
  }));

test("a refresh that is due is taken by one process, oldest first, and comes again at the next try (STS-CACHE-3)", () =>
  withStore(async (store) => {
    const domains = Array.from({ length: 20 }, (_, index) => `d${String(index).padStart(2, "0")}.example`);
    for (const [index, domain] of domains.entries()) await store.put(known({ domain }), now - 1_000 + index);
    await store.put(known({ domain: "later.example" }), now + 1_000);
    const retryAt = now + 60_000;
    assert.deepEqual(await store.takeDue(now, retryAt, 3), domains.slice(0, 3));
    const taken = await Promise.all(Array.from({ length: 4 }, () => store.takeDue(now, retryAt, 10)));
    assert.deepEqual(taken.flat().sort(), domains.slice(3));
    assert.deepEqual(await store.takeDue(now, retryAt, 10), []);
    assert.equal((await store.takeDue(retryAt, retryAt + 1, 100)).length, 21);
  }));

test("a domain whose policy is long gone is not refreshed any more", () =>
  withStore(async (store, { redis }) => {
    await store.put(known(), now - 1);
    await redis.del("{relay}:policy:one.example");
    assert.deepEqual(await store.takeDue(now, now + 1, 10), []);
    assert.equal(await redis.zcard("{relay}:policy-refresh"), 0);
  }));

test("the history has an entry for each change of text or id, newest first, 20 at most (STS-CACHE-5)", () =>
  withStore(async (store) => {
    await store.put(known(), now + dayMs);
    await store.put(known({ fetchedAt: now + 1, expiresAt: now + 8 * dayMs }), now + dayMs);
    await store.put(known({ id: "2" }), now + dayMs);
    await store.put(known({ id: "2", text: "version: STSv1\nmode: none\nmax_age: 1\n" }), now + dayMs);
    const ids = (await store.history("one.example")).map(({ id, text }) => [id, text.slice(0, 22)]);
    assert.equal(ids.length, 3);
    assert.deepEqual(ids[2], ["20261122", known().text.slice(0, 22)]);
    for (let id = 3; id < 30; id++) await store.put(known({ id: String(id) }), now + dayMs);
    const history = await store.history("one.example");
    assert.deepEqual([history.length, history[0]?.id], [20, "29"]);
  }));

test("a record that cannot be read is a fault and not 'no policy', and is replaced by the next fetch (STS-TXT-7)", () =>
  withStore(async (store, { redis }) => {
    for (const text of ["", "{", "null", '{"fetchedAt":"never"}']) {
      await redis.set("{relay}:policy:one.example", text);
      await assert.rejects(store.get("one.example"), { code: "unavailable" }, text);
    }
    await store.put(known(), now + dayMs);
    assert.deepEqual(await store.get("one.example"), known());
  }));

test("while Redis is away nothing is known, and that is said at once (STS-TXT-7)", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createPolicyStore(connection);
  const lock = await store.lockFetch("one.example", 60_000);
  await redis.stop();
  await until(() => connection.states.at(-1) === "lost", "Redis is away");
  const calls: Array<() => Promise<unknown>> = [
    () => store.get("one.example"),
    () => store.put(known(), now),
    () => store.failure("one.example"),
    () => store.putFailure("one.example", failure),
    () => store.lockFetch("one.example", 1_000),
    () => store.takeDue(now, now, 1),
  ];
  for (const call of calls) await assert.rejects(call, { name: "StoreError", code: "unavailable" });
  // To give back a lock never fails: it ends by itself.
  await lock?.release();
});
