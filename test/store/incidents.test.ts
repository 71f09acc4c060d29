import assert from "node:assert/strict";
import { test } from "node:test";
import { incidentsKey } from "../../src/store/keys.ts";
import { createIncidentStore, type Incident } from "../../src/store/incidents.ts";
import { startTestRedis } from "../support/redis.ts";
import { open, redisCli } from "./support.ts";

const at = Date.parse("2026-11-22T10:00:00Z");
const incident = (change: Partial<Incident> = {}): Incident => ({
  cause: "record-gone",
  subject: "a.example",
  detail: "gone",
  firstAt: at,
  lastAt: at,
  count: 1,
  openedAt: at,
  ...change,
});

test("an incident is kept in JSON with times that an operator can read, and goes into the past when it is over", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createIncidentStore(connection);
  await store.change("record-gone", "a.example", () => ({ kind: "put", incident: incident() }));
  assert.deepEqual(await store.current(), [incident()]);
  assert.match(await redisCli(redis.socketPath, "HGETALL", incidentsKey), /2026-11-22T10:00:00.000Z/);
  const over = incident({ closedAt: at + 1, because: "it is back" });
  await store.change("record-gone", "a.example", () => ({ kind: "close", incident: over }));
  assert.deepEqual([await store.current(), await store.past()], [[], [over]]);
});

test("one that was never shown leaves no trace in the past", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createIncidentStore(connection);
  const { openedAt: _, ...pending } = incident();
  await store.change("record-gone", "a.example", () => ({ kind: "put", incident: pending }));
  await store.change("record-gone", "a.example", () => ({ kind: "close", incident: pending }));
  assert.deepEqual([await store.current(), await store.past()], [[], []]);
});

test("what several processes change at once is decided on what is there: no count is lost, one of them opens", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createIncidentStore(connection);
  const changes = await Promise.all(
    Array.from({ length: 8 }, () =>
      store.change("record-gone", "a.example", (current) => ({
        kind: "put",
        incident: incident({ count: (current?.count ?? 0) + 1 }),
      })),
    ),
  );
  const counts = changes.map((change) => (change.kind === "put" ? change.incident.count : 0));
  assert.deepEqual(new Set(counts), new Set([1, 2, 3, 4, 5, 6, 7, 8]));
  assert.equal((await store.current())[0]?.count, 8);
});

test("a record that cannot be read is begun anew", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createIncidentStore(connection);
  await connection.redis.hset(incidentsKey, "record-gone a.example", "no JSON");
  assert.deepEqual(await store.current(), []);
  await store.change("record-gone", "a.example", (current) => {
    assert.equal(current, undefined);
    return { kind: "put", incident: incident() };
  });
  assert.deepEqual(await store.current(), [incident()]);
});
