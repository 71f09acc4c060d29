/** One fetch for all who want it: within a process, and across processes over one store. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyAnswer, PolicyStore } from "../../src/mta-sts/answer.ts";
import { policyText, startPolicyWorld, type PolicyWorld } from "./support/policy-world.ts";

const D = "d.example";

/** Serves the text, but only once the test says so; `asked` when a request has come. */
function publishHeldBack(world: PolicyWorld, id: string, text: string) {
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  world.publishBroken(D, id, (_request, response) => {
    asked.resolve();
    void released.promise.then(() => response.writeHead(200, { "content-type": "text/plain" }).end(text));
  });
  return { asked: asked.promise, release: released.resolve };
}

const textOf = (answer: PolicyAnswer) => (answer.kind === "policy" ? answer.known.text : answer.kind);

test("deliveries at one time cause one fetch, in one process and in several (STS-GET-10)", async () => {
  await using world = await startPolicyWorld();
  const [one, two] = [world.source(), world.source()];
  const held = publishHeldBack(world, "1", policyText());
  const answers = [one, two, one, two, one, two].map((source) => source.answer(D));
  await held.asked;
  held.release();
  for (const answer of await Promise.all(answers)) assert.equal(textOf(answer), policyText());
  assert.equal(world.fetches(D), 1);
  assert.deepEqual(
    world.events.map(({ kind }) => kind),
    ["found"],
  );
  assert.equal(world.store.locks.size, 0);
});

test("a failed fetch is one for all as well (STS-GET-10)", async () => {
  await using world = await startPolicyWorld();
  const [one, two] = [world.source(), world.source()];
  world.publishBroken(D, "1");
  const answers = await Promise.all([one, two, one, two].map((source) => source.answer(D)));
  for (const answer of answers) assert.equal(answer.kind === "none" && answer.because, "fetch-failed");
  assert.equal(world.fetches(D), 1);
  assert.equal(world.events.length, 1);
});

test("domains do not wait for one another (STS-GET-10)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  const held = publishHeldBack(world, "1", policyText());
  const slow = source.answer(D);
  await held.asked;
  world.publish("e.example", "1", policyText());
  assert.equal(textOf(await source.answer("e.example")), policyText());
  held.release();
  await slow;
});

test("who was promised another record id looks again (STS-GET-10, STS-CACHE-2)", async () => {
  await using world = await startPolicyWorld();
  const sources = [world.source(), world.source()] as const;
  for (const [index, second] of sources.entries()) {
    const [oldId, newId] = [`1${index}`, `2${index}`];
    const held = publishHeldBack(world, oldId, policyText("testing", 600 + index));
    const first = sources[0].answer(D);
    await held.asked;
    world.publish(D, newId, policyText("enforce", 700 + index));
    const queries = world.dns.queries.length;
    const later = second.answer(D);
    while (world.dns.queries.length === queries) await new Promise(setImmediate);
    held.release();
    assert.equal(textOf(await first), policyText("testing", 600 + index));
    assert.equal(textOf(await later), policyText("enforce", 700 + index));
  }
});

test("a process that died with the right to fetch holds nobody up for longer than that right lasts (STS-GET-10)", async () => {
  await using world = await startPolicyWorld();
  world.publish(D, "1", policyText());
  await world.store.lockFetch(D, 100);
  assert.equal(textOf(await world.source().answer(D)), policyText());

  // Nor does one whose right does not end.
  world.publish("e.example", "1", policyText());
  await world.store.lockFetch("e.example", 1e9);
  assert.equal(textOf(await world.source({ fetchLockMs: 50 }).answer("e.example")), policyText());
});

test("an abort ends one delivery's wait, not the fetch that others wait for", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  const held = publishHeldBack(world, "1", policyText());
  const stop = new AbortController();
  const mine = source.answer(D, { signal: stop.signal });
  const other = source.answer(D);
  await held.asked;
  stop.abort(new Error("no more time"));
  await assert.rejects(mine, /no more time/);
  held.release();
  assert.equal(textOf(await other), policyText());
  await assert.rejects(source.answer(D, { signal: stop.signal }), /no more time/);
});

test("the end of the relay ends its fetches and waits, and records no failure for them", async () => {
  await using world = await startPolicyWorld();
  const relay = new AbortController();
  const closed = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  world.publishBroken(D, "1", (_request, response) => {
    asked.resolve();
    response.on("close", closed.resolve);
  });
  const fetching = world.source({ signal: relay.signal }).answer(D);
  await asked.promise;
  const lockedOut = Promise.withResolvers<void>();
  const store: PolicyStore = {
    ...world.store,
    lockFetch: async (domain, ttlMs) => {
      const lock = await world.store.lockFetch(domain, ttlMs);
      if (lock === undefined) lockedOut.resolve();
      return lock;
    },
  };
  const waiting = world.source({ store, signal: relay.signal, pollMs: 60_000 }).answer(D);
  await lockedOut.promise;
  relay.abort(new Error("the relay ends"));
  await assert.rejects(fetching, /the relay ends/);
  await assert.rejects(waiting, /the relay ends/);
  await closed.promise;
  assert.deepEqual([world.store.failures.size, world.store.locks.size, world.events.length], [0, 0, 0]);
});

test("answers leave no listener on a signal that outlives them", async () => {
  await using world = await startPolicyWorld();
  world.publish(D, "1", policyText("enforce", 0));
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  for (let i = 0; i < 3; i++) await world.source().answer(D, { signal });
  assert.equal(listeners, 0);
});
