/** The rules of a relay with several processes: who does what, and who may have how much. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { dutiesOf, mainDuties, workerDuties } from "../../src/relay/duties.ts";
import { restartAfter } from "../../src/relay/restart.ts";
import { shareOf, wholePart } from "../../src/relay/share.ts";

test("the parts of a whole make the whole, differ by one at most, and none is 0", () => {
  const cases: [total: number, of: number, parts: number[]][] = [
    [20, 1, [20]],
    [20, 2, [10, 10]],
    [7, 3, [3, 2, 2]],
    [2, 2, [1, 1]],
    // Smaller than the number of processes: each has one.
    [1, 3, [1, 1, 1]],
  ];
  for (const [total, of, parts] of cases) {
    assert.deepEqual(
      parts.map((_, index) => wholePart(total, { index, of })),
      parts,
      `${total} for ${of}`,
    );
  }
});

test("connections, sessions and rates of destinations are divided; deliveries at a time are not", () => {
  const env = {
    RELAY_SUBMISSION__MAX_CONNECTIONS: "100",
    RELAY_SUBMISSION__MAX_CONNECTIONS_PER_CLIENT: "5",
    RELAY_DELIVERY__MAX_SESSIONS_PER_DESTINATION: "20",
    RELAY_DELIVERY__CONCURRENCY: "50",
    RELAY_DOMAINS: "{ slow.example: { maxSessions: 3, maxPerMinute: 1 }, other.example: { mtaSts: require } }",
  };
  const { config } = loadConfig({ env, cwd: "/", file: "/dev/null" });
  const shares = [0, 1].map((index) => shareOf(config, { index, of: 2 }));
  const of = <T>(pick: (share: (typeof shares)[number]) => T) => shares.map(pick);
  assert.deepEqual(
    of(({ submission }) => [submission.maxConnections, submission.maxConnectionsPerClient]),
    [
      [50, 3],
      [50, 2],
    ],
  );
  assert.deepEqual(
    of(({ delivery }) => [delivery.maxSessionsPerDestination, delivery.concurrency]),
    [
      [10, 50],
      [10, 50],
    ],
  );
  assert.deepEqual(
    of(({ domains }) => domains["slow.example"]),
    [
      { maxSessions: 2, maxPerMinute: 0.5 },
      { maxSessions: 1, maxPerMinute: 0.5 },
    ],
  );
  assert.deepEqual(
    of(({ domains }) => domains["other.example"]),
    [{ mtaSts: "require" }, { mtaSts: "require" }],
  );
  assert.deepEqual(shareOf(config, { index: 0, of: 1 }), config);
});

test("a process that lived long is started again at once, one that dies young later and later", () => {
  let shortLives = 0;
  const delays = [3_600_000, 100, 100, 9_999, 100, 100, 100, 100, 100, 10_000, 100].map((livedMs) => {
    const after = restartAfter(livedMs, shortLives);
    ({ shortLives } = after);
    return after.delayMs;
  });
  assert.deepEqual(delays, [0, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 0, 250]);
});

test("each duty of a role is done: by all processes that work, or by the main one alone", () => {
  for (const role of ["all", "submission", "delivery"] as const) {
    const [whole, main, worker] = [dutiesOf(role), mainDuties(role), workerDuties(role)];
    for (const duty of Object.keys(whole) as (keyof typeof whole)[]) {
      assert.equal(main[duty] || worker[duty], whole[duty], `${role}: ${duty}`);
      assert.ok(!(main[duty] && worker[duty]), `${role}: ${duty} is done once`);
    }
  }
  assert.ok(!dutiesOf("submission").delivery && !dutiesOf("submission").maintenance);
  assert.ok(!dutiesOf("delivery").submission && !dutiesOf("delivery").publishing);
});
