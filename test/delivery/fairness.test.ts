import assert from "node:assert/strict";
import { test } from "node:test";
import { DESTINATION_RULES } from "../../src/delivery/destination.ts";
import { type Closing, createFairness, type FairnessParts } from "../../src/delivery/fairness.ts";

const signal = new AbortController().signal;

function world(change: Partial<FairnessParts> = {}) {
  const closed = new Map<string, Closing>();
  const woken: [string, number][] = [];
  const changes: string[] = [];
  const clock = { now: 1_700_000_000_000 };
  let parked = 0;
  const fairness = createFairness({
    rules: { ...DESTINATION_RULES, firstLimit: 2, mostSessions: 3 },
    slots: 10,
    limitsOf: () => ({}),
    shared: {
      closing: (destination) => closed.get(destination),
      close: (destination, closing) => closed.set(destination, closing),
      open: (destination) => closed.delete(destination),
    },
    wake: (destination, count) => {
      woken.push([destination, count]);
      const taken = Math.min(parked, count);
      parked -= taken;
      return Promise.resolve(taken);
    },
    onChange: ({ kind, destination }) => changes.push(`${destination} ${kind}`),
    now: () => clock.now,
    ...change,
  });
  const ask = (destination = "a.test", { insists = false, mayBeWoken = false } = {}) =>
    fairness.turn(destination, { insists, mayBeWoken, signal });
  const go = async (destination?: string) => {
    const turn = await ask(destination);
    assert.ok(turn.kind === "go");
    return turn;
  };
  const fail = async (destination: string) => {
    const turn = await go(destination);
    fairness.ended(destination, "no-session", { tookMs: 1, detail: "it refuses connections" });
    turn.leave();
  };
  return { fairness, closed, woken, changes, clock, ask, go, fail, park: (count: number) => (parked += count) };
}

test("a destination of which nothing is known gets a few turns; the others are parked, and woken when one is free", async () => {
  const { fairness, woken, ask, go, park } = world();
  const first = await go();
  await go();
  const third = await ask();
  assert.equal(third.kind, "park");
  assert.ok(third.kind === "park" && third.waits);
  park(1);
  woken.length = 0;
  fairness.ended("a.test", "spoke", { tookMs: 5, detail: "" });
  first.leave();
  assert.deepEqual(woken, [["a.test", 2]], "one turn came back, one was earned");
  assert.equal((await ask()).kind, "go");
});

test("one that parks after the last turn has become free is woken all the same", async () => {
  const { woken, ask, go, park } = world();
  const turns = [await go(), await go()];
  const late = await ask();
  assert.equal(late.kind, "park");
  for (const turn of turns) turn.leave();
  await new Promise(setImmediate);
  woken.length = 0;
  park(1);
  if (late.kind === "park") late.parked();
  assert.deepEqual(woken, [["a.test", 2]]);
});

test("a woken one that another process has taken wakes the next: the one that woke it may have none under way", async () => {
  const parked: string[] = [];
  const wake: FairnessParts["wake"] = (_, count) => Promise.resolve(parked.splice(0, count).length);
  const [here, there] = [world({ wake }), world({ wake })];
  (await there.go()).leave();
  const turns = [await here.go(), await here.go()];
  for (const job of ["first", "second", "third"]) {
    const turn = await here.ask();
    parked.push(job);
    if (turn.kind === "park") turn.parked();
  }
  for (const turn of turns) turn.leave();
  await new Promise(setImmediate);
  assert.deepEqual(parked, ["second", "third"], "one turn was free when they were woken here");
  const taken = await there.ask("a.test", { mayBeWoken: true });
  assert.ok(taken.kind === "go");
  taken.leave();
  await new Promise(setImmediate);
  assert.deepEqual(parked, []);
});

test("in a quick line the turn is handed over at once, each to one", async () => {
  const { fairness, ask, go } = world();
  const turns = [await go(), await go()];
  fairness.ended("a.test", "spoke", { tookMs: 5, detail: "" });
  turns.push(await go());
  const waiting = [ask(), ask()];
  turns[0]?.leave();
  assert.equal((await Promise.race(waiting)).kind, "go");
  turns[1]?.leave();
  assert.deepEqual(
    (await Promise.all(waiting)).map((turn) => turn.kind),
    ["go", "go"],
  );
});

test("one destination's trouble is no other's", async () => {
  const { ask, fail } = world();
  for (let i = 0; i < 4; i += 1) await fail("dead.test");
  assert.equal((await ask("dead.test")).kind, "closed");
  assert.equal((await ask("good.test")).kind, "go");
});

test("a destination that is closed is probed by one, and opened by its success; the last attempt of a message is made all the same", async () => {
  const { fairness, closed, changes, clock, ask, go, fail } = world();
  for (let i = 0; i < 4; i += 1) await fail("a.test");
  assert.deepEqual(changes, ["a.test closed"]);
  assert.equal((await ask("a.test", { insists: true })).kind, "go");
  clock.now = (closed.get("a.test")?.until ?? 0) + 1;
  const probe = await world({
    shared: { closing: () => closed.get("a.test"), close() {}, open() {} },
    now: () => clock.now,
  }).ask();
  assert.equal(probe.kind, "go", "in another process too");
  const turn = await ask("a.test");
  assert.equal(turn.kind, "park", "the insisting one is still under way");
  fairness.ended("a.test", "spoke", { tookMs: 5, detail: "" });
  assert.deepEqual(changes, ["a.test closed", "a.test opened"]);
  assert.equal(closed.size, 0);
  await go("a.test");
});

test("what another process has closed is closed here", async () => {
  const { closed, clock, ask } = world();
  closed.set("a.test", { until: clock.now + 1000, because: "no connection in time", closings: 1 });
  const turn = await ask();
  assert.deepEqual(turn, { kind: "closed", until: clock.now + 1000, because: "no connection in time" });
});

test("half of the slots are kept for destinations that have shown that they answer", async () => {
  const { fairness, ask, go } = world();
  for (let i = 0; i < 5; i += 1) await go(`silent${i}.test`);
  const sixth = await ask("silent5.test");
  assert.ok(sixth.kind === "park" && !sixth.waits, "it comes again by itself");
  fairness.ended("good.test", "spoke", { tookMs: 5, detail: "" });
  assert.equal((await ask("good.test")).kind, "go");
});

test("a rate set for a domain spaces its deliveries", async () => {
  const { clock, ask } = world({ limitsOf: () => ({ perMinute: 60 }) });
  const start = clock.now;
  assert.equal((await ask()).kind, "go");
  const later = [await ask(), await ask()].map((turn) => (turn.kind === "park" ? turn.until - start : turn.kind));
  assert.deepEqual(later, [1000, 2000]);
  clock.now = start + 3000;
  assert.equal((await ask()).kind, "go");
});
