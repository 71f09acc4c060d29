import assert from "node:assert/strict";
import { test } from "node:test";
import { growth } from "../../scripts/lib/growth.ts";
import type { Copy } from "../../scripts/lib/sink.ts";
import type { Try } from "../../scripts/lib/submitter.ts";
import { type Handed, judge, type Kill } from "../../scripts/lib/verdict.ts";

const TO = "a@one.test";
const slack = { noteMs: 100, redisMs: 1_000 };
const taken: Try = { kind: "taken", queueId: "Q", at: 0 };

/** A copy whose transaction takes ten milliseconds. */
const copy = (takenAt: number, queueId = "Q"): Copy => ({ recipient: TO, queueId, mailAt: takenAt - 10, takenAt });

function judged(copies: Copy[], kills: Kill[], tries: Try[] = [taken]) {
  const handed: Handed[] = [{ number: 1, to: [TO], tries }];
  return judge(handed, new Map([[TO, copies]]), kills, slack);
}

test("what was answered 250 and never came is lost; what was never answered 250 is not", () => {
  assert.deepEqual(judged([], []).lost, [{ number: 1, recipient: TO, queueId: "Q" }]);
  assert.deepEqual(judged([copy(1_000)], []).lost, []);
  const unanswered = judged([], [], [{ kind: "unanswered", at: 0 }]);
  assert.deepEqual([unanswered.lost, unanswered.notAccepted, unanswered.due], [[], 1, 0]);
});

test("a second copy is explained by a kill of the relay while the first was in flight, and by nothing else", () => {
  const cases: [string, Copy[], Kill[], boolean][] = [
    ["no kill", [copy(1_000), copy(2_000)], [], false],
    ["before the first", [copy(1_000), copy(2_000)], [{ at: 980, victim: "relay" }], false],
    ["in its transaction", [copy(1_000), copy(2_000)], [{ at: 995, victim: "relay" }], true],
    ["soon after its 250", [copy(1_000), copy(2_000)], [{ at: 1_090, victim: "delivery process" }], true],
    ["long after its 250", [copy(1_000), copy(2_000)], [{ at: 1_200, victim: "relay" }], false],
    ["Redis alone", [copy(1_000), copy(2_000)], [{ at: 1_001, victim: "redis" }], false],
    ["both", [copy(1_000), copy(2_000)], [{ at: 1_001, victim: "relay and redis" }], true],
    [
      "with Redis away, before it could be written down",
      [copy(1_000), copy(4_000)],
      [
        { at: 900, victim: "redis" },
        { at: 1_800, victim: "relay" },
      ],
      true,
    ],
    [
      "with Redis back for long",
      [copy(1_000), copy(4_000)],
      [
        { at: 900, victim: "redis" },
        { at: 2_500, victim: "relay" },
      ],
      false,
    ],
    ["of three copies only one", [copy(1_000), copy(2_000), copy(3_000)], [{ at: 995, victim: "relay" }], false],
  ];
  for (const [name, copies, kills, explained] of cases) {
    const [duplicate] = judged(copies, kills).duplicates;
    assert.equal(duplicate?.unexplained, !explained, `${name}: ${duplicate?.cause}`);
  }
});

test("a copy under another id is explained by a try without a 250, each by one", () => {
  const copies = [copy(1_000, "P"), copy(2_000)];
  assert.equal(judged(copies, [], [{ kind: "unanswered", at: 0 }, taken]).duplicates[0]?.unexplained, false);
  assert.equal(judged(copies, [], [{ kind: "unsent", at: 0 }, taken]).duplicates[0]?.unexplained, true);
  assert.equal(judged(copies, []).duplicates[0]?.unexplained, true);
});

test("growth is that of the second half, by the hour", () => {
  const samples = Array.from({ length: 100 }, (_, i) => ({
    at: i * 36_000,
    relayBytes: i < 50 ? 1_000 * i : 50_000,
    redisBytes: 100_000 + i,
  }));
  const { perHour, shareOfSize } = growth(samples);
  assert.deepEqual([Math.round(perHour.relay), Math.round(perHour.redis)], [0, 100]);
  assert.ok(Math.abs(shareOfSize.redis - 0.001) < 0.000_1);
  assert.deepEqual(growth([]).perHour, { relay: 0, redis: 0 });
});
