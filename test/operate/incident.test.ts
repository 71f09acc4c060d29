import assert from "node:assert/strict";
import { test } from "node:test";
import { cleared, expired, raised, type Signal } from "../../src/operate/incident.ts";
import type { Incident } from "../../src/store/incidents.ts";
import { DAY, HOUR, NOW } from "./support.ts";

const SIGNAL: Signal = {
  cause: "refresh-failing",
  subject: "a.example",
  detail: "it answered with status 503",
  at: NOW,
};
const OPEN: Incident = {
  cause: "refresh-failing",
  subject: "a.example",
  detail: "before",
  firstAt: NOW - DAY,
  lastAt: NOW - HOUR,
  count: 4,
  openedAt: NOW - HOUR,
};
const { openedAt: _, ...PENDING } = OPEN;

test("an incident opens once, when it has been met for as long as it must be, and counts from then on", () => {
  const cases: [what: string, current: Incident | undefined, signal: Signal, opens: boolean, count: number][] = [
    ["the first signal opens", undefined, SIGNAL, true, 1],
    ["the first of those that must last does not", undefined, { ...SIGNAL, opensAfterMs: DAY }, false, 1],
    ["nor does one too early", PENDING, { ...SIGNAL, at: NOW - 1, opensAfterMs: DAY }, false, 5],
    ["one that has lasted does", PENDING, { ...SIGNAL, opensAfterMs: DAY }, true, 5],
    ["an open one only counts", OPEN, { ...SIGNAL, count: 3 }, false, 7],
  ];
  for (const [what, current, signal, opens, count] of cases) {
    const decided = raised(current, signal);
    assert.ok(decided.kind === "put", what);
    assert.deepEqual([decided.opens, decided.incident.count], [opens, count], what);
    assert.equal(decided.incident.firstAt, current?.firstAt ?? signal.at, what);
    assert.equal(decided.incident.detail, signal.detail, "the words are those of the latest");
  }
});

test("the first baseline is kept, the latest end counts", () => {
  const first = raised(undefined, { ...SIGNAL, baseline: "strong", endsAt: NOW + HOUR });
  assert.ok(first.kind === "put");
  const second = raised(first.incident, { ...SIGNAL, baseline: "weaker", endsAt: NOW + DAY });
  assert.ok(second.kind === "put");
  assert.deepEqual([second.incident.baseline, second.incident.endsAt], ["strong", NOW + DAY]);
});

test("an incident closes when the opposite was met, where that undoes it", () => {
  const clearance = { cause: OPEN.cause, subject: OPEN.subject, because: "it was fetched anew", at: NOW };
  const closed = cleared(OPEN, clearance);
  assert.deepEqual(closed, { kind: "close", incident: { ...OPEN, closedAt: NOW, because: "it was fetched anew" } });
  assert.equal(cleared(undefined, clearance).kind, "none");
  const undoes = (baseline: string | undefined) => baseline === "192.0.2.1";
  assert.equal(cleared({ ...OPEN, baseline: "192.0.2.2" }, { ...clearance, undoes }).kind, "none");
  assert.equal(cleared({ ...OPEN, baseline: "192.0.2.1" }, { ...clearance, undoes }).kind, "close");
});

test("an incident with an end is over then, and not before", () => {
  assert.equal(expired(undefined, NOW).kind, "none");
  assert.equal(expired(OPEN, NOW + 1_000 * DAY).kind, "none");
  assert.equal(expired({ ...OPEN, endsAt: NOW + 1 }, NOW).kind, "none");
  const over = expired({ ...OPEN, endsAt: NOW }, NOW);
  assert.ok(over.kind === "close");
  assert.match(over.incident.because ?? "", /has run out/);
});
