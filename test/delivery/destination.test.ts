import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Admission,
  admit,
  after,
  type Destination,
  DESTINATION_RULES as rules,
  type Ending,
  newDestination,
} from "../../src/delivery/destination.ts";

const T = 1_700_000_000_000;
const fresh = newDestination(rules);

function run(endings: Ending[], from: Destination = fresh, tookMs = 10, now = T): Destination {
  return endings.reduce(
    (state, ending) => after(state, ending, { tookMs, now, detail: "it refuses connections" }, rules),
    from,
  );
}

test("a destination grows by one for each delivery that goes well, and no further than the most", () => {
  assert.equal(fresh.limit, 5);
  assert.equal(run(["spoke", "spoke"]).limit, 7);
  assert.equal(run(Array.from({ length: 50 }, () => "spoke" as const)).limit, rules.mostSessions);
});

test("a host that asks for less gets half, never nothing, and is not taken for dead", () => {
  const slowed = run(["spoke", "slow-down"]);
  assert.equal(slowed.limit, 3);
  assert.equal(run(Array.from({ length: 20 }, () => "slow-down" as const)).limit, 1);
  assert.equal(run(Array.from({ length: 20 }, () => "slow-down" as const)).closedUntil, 0);
});

test("several attempts in a row without a session close it, for longer each time, up to the longest", () => {
  const almost = run(["no-session", "no-session", "no-session"]);
  assert.equal(almost.closedUntil, 0);
  let state = run(["no-session"], almost);
  assert.equal(state.closedUntil, T + rules.closeMs);
  assert.equal(state.closedBecause, "it refuses connections");
  const waits: number[] = [];
  for (let now = state.closedUntil; waits.length < 5; now = state.closedUntil) {
    state = run(["no-session"], state, 10, now);
    waits.push((state.closedUntil - now) / rules.closeMs);
  }
  assert.deepEqual(waits, [2, 4, 8, 15, 15]);
});

test("a success between failures starts the count anew, and one after a closing opens it", () => {
  assert.equal(run(["no-session", "no-session", "no-session", "spoke", "no-session"]).closedUntil, 0);
  const closed = run(["no-session", "no-session", "no-session", "no-session"]);
  const open = run(["spoke"], closed, 10, closed.closedUntil);
  assert.deepEqual(
    { closings: open.closings, closedUntil: open.closedUntil, failures: open.failures },
    { closings: 0, closedUntil: 0, failures: 0 },
  );
});

test("failures of deliveries that were under way when it was closed do not close it for longer", () => {
  const closed = run(["no-session", "no-session", "no-session", "no-session"]);
  assert.equal(run(["no-session", "no-session"], closed, 10, T + 1).closedUntil, closed.closedUntil);
});

test("what says nothing of the destination changes nothing", () => {
  assert.deepEqual(run(["nothing", "nothing"]), fresh);
});

test("who comes gets a turn, a place in a quick line, or is parked", () => {
  const known = run(["spoke"]);
  // A turn every 20 ms.
  const medium = run(["spoke"], fresh, 120);
  const slow = run(["spoke"], fresh, 5_000);
  const closed = run(["no-session", "no-session", "no-session", "no-session"]);
  const probing = { ...closed, closedUntil: T - 1 };
  const cases: [what: string, state: Destination, waiting: number, expected: Admission["kind"]][] = [
    ["nothing is known, and a turn is free", fresh, 0, "go"],
    ["nothing is known, and no turn is free", { ...fresh, active: 5 }, 0, "park"],
    ["a turn is free", { ...known, active: 5 }, 0, "go"],
    ["a turn is free, but others wait for it", { ...known, active: 5 }, 1, "wait"],
    ["no turn is free, deliveries are quick", { ...known, active: 6 }, 0, "wait"],
    ["no turn is free, deliveries are quick, the line is long", { ...known, active: 6 }, 100, "park"],
    ["no turn is free, deliveries are quick, the line is as long as it may be", { ...known, active: 6 }, 29, "wait"],
    ["no turn is free, the line is short enough", { ...medium, active: 6 }, 1, "wait"],
    ["no turn is free, the line is too long", { ...medium, active: 6 }, 2, "park"],
    ["no turn is free, deliveries are slow", { ...slow, active: 6 }, 0, "park"],
    ["closed", closed, 0, "closed"],
    ["it was closed, and nobody probes", probing, 0, "go"],
    ["it was closed, and somebody probes", { ...probing, active: 1 }, 0, "park"],
  ];
  for (const [what, state, waiting, expected] of cases)
    assert.equal(admit(state, waiting, T, rules).kind, expected, what);
});
