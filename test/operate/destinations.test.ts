import assert from "node:assert/strict";
import { test } from "node:test";
import { summarise } from "../../src/operate/destinations.ts";
import type { JobRef } from "../../src/store/queue-scan.ts";

const job = (id: string, domain: string, state: JobRef["state"], at?: number): JobRef => ({
  id: `${id}/${domain}`,
  message: id,
  domain,
  state,
  ...(at === undefined ? {} : { at }),
});

test("deliveries are summed up by destination, the fullest first, with the next try, the oldest and the one put off last", () => {
  const jobs = [
    job("M3", "few.example", "waiting"),
    job("M2", "many.example", "deferred", 2_000),
    job("M1", "many.example", "deferred", 3_000),
    job("M4", "many.example", "held", 9_000),
  ];
  const { states, destinations } = summarise(jobs);
  assert.deepEqual(states, { waiting: 1, active: 0, deferred: 2, due: 0, held: 1 });
  assert.deepEqual(
    destinations.map(({ domain, queued, nextAt, oldest, newest }) => [
      domain,
      queued,
      nextAt,
      oldest.message,
      newest.message,
    ]),
    [
      ["many.example", 3, "1970-01-01T00:00:02.000Z", "M1", "M1"],
      ["few.example", 1, undefined, "M3", "M3"],
    ],
  );
});

test("an empty queue sums up to nothing", () => {
  assert.deepEqual(summarise([]), {
    states: { waiting: 0, active: 0, deferred: 0, due: 0, held: 0 },
    destinations: [],
  });
});
