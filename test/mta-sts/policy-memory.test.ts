/** Trouble with the store weakens nobody's protection. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { policyText, START, startPolicyWorld } from "./support/policy-world.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const D = "d.example";

test("a policy seen in this process serves while the store cannot be read, until it expires (STS-CACHE-1)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText());
  await source.answer(D);
  world.store.failing.reads = true;
  world.now = START + DAY - 1;
  const answer = await source.answer(D);
  assert.equal(answer.kind === "policy" && answer.recordChecked, "same");
  // Expired here, it may have been renewed by another process: not known.
  world.now = START + DAY;
  const expired = await source.answer(D);
  assert.equal(expired.kind === "unknown" && expired.why, "store");
});

test("without a memory of the domain an unreadable store is not known, never none (STS-CACHE-4, STS-TXT-7)", async () => {
  await using world = await startPolicyWorld();
  world.store.failing.reads = true;
  for (const domain of [D, "no-record.example"]) {
    const answer = await world.source().answer(domain);
    assert.deepEqual(answer, { kind: "unknown", why: "store", detail: "the policy store is away" });
  }
  await world.source().refresh(D);
  assert.equal(world.fetches(D), 0);
});

test("a policy the store does not take is used and remembered, and written when it can be (STS-CACHE-1, STS-CACHE-4)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText());
  world.store.failing.writes = true;
  assert.equal((await source.answer(D)).kind, "policy");
  world.dns.down();
  const remembered = await source.answer(D);
  assert.equal(remembered.kind === "policy" && remembered.recordChecked, "could-not-ask");
  assert.equal(world.store.policies.size, 0);
  world.store.failing.writes = false;
  await source.answer(D);
  assert.equal(world.store.policies.get(D)?.id, "1");
  assert.equal(world.fetches(D), 1);
});

test("a policy the store lost is brought back; the newer one counts (STS-CACHE-4)", async () => {
  await using world = await startPolicyWorld();
  const [one, two] = [world.source(), world.source()];
  world.publish(D, "1", policyText());
  await one.answer(D);
  await two.answer(D);
  world.store.policies.clear();
  world.now += 1_000;
  await one.answer(D);
  assert.equal(world.store.policies.get(D)?.id, "1");
  world.now += 1;
  world.publish(D, "2", policyText("testing"));
  await one.answer(D);
  const answer = await two.answer(D);
  assert.equal(answer.kind === "policy" && answer.known.id, "2");
  assert.equal(world.fetches(D), 2);
});

test("a failure the store does not take is remembered here (STS-GET-7)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publishBroken(D, "1");
  world.store.failing.writes = true;
  await source.answer(D);
  await source.answer(D);
  assert.equal(world.fetches(D), 1);
  world.now += 5 * MINUTE;
  world.store.failing.writes = false;
  await source.answer(D);
  assert.equal(world.fetches(D), 2);
});

test("without a lock to be had it is fetched all the same (STS-GET-10)", async () => {
  await using world = await startPolicyWorld();
  world.publish(D, "1", policyText());
  world.store.failing.locks = true;
  const source = world.source();
  const answers = await Promise.all([source.answer(D), source.answer(D)]);
  for (const answer of answers) assert.equal(answer.kind, "policy");
  assert.equal(world.fetches(D), 1, "in one process still once");
});

test("a store in trouble is told of, once a minute for each kind of trouble", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText());
  Object.assign(world.store.failing, { writes: true, locks: true });
  await source.answer(D);
  world.store.failing.reads = true;
  world.now += 1_000;
  await source.answer(D);
  await source.answer(D);
  world.now += MINUTE;
  await source.answer(D);
  const told = world.events.flatMap((event) =>
    event.kind === "store-failed" ? [`${event.doing} ${event.domain}`] : [],
  );
  assert.deepEqual(told, ["locking d.example", "writing d.example", "reading d.example", "reading d.example"]);
});

test("in a burst of mail the store is asked once a second, and at once when the record has changed (STS-CACHE-2)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText());
  await source.answer(D);
  world.store.failing.reads = true;
  const answer = await source.answer(D);
  assert.equal(answer.kind === "policy" && answer.recordChecked, "same");
  assert.equal(world.events.filter(({ kind }) => kind === "store-failed").length, 0, "it was not asked");
  world.store.failing.reads = false;
  world.publish(D, "2", policyText("testing"));
  const next = await source.answer(D);
  assert.equal(next.kind === "policy" && next.known.policy.mode, "testing");
  const stored = world.store.policies.get(D);
  assert.ok(stored);
  world.store.policies.set(D, { ...stored, fetchedAt: stored.fetchedAt + 1 });
  world.now += 1_000;
  const last = await source.answer(D);
  assert.equal(
    last.kind === "policy" && last.known.fetchedAt,
    stored.fetchedAt + 1,
    "what another process has put there is seen",
  );
});
