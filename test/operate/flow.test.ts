import assert from "node:assert/strict";
import { test } from "node:test";
import { createFlowCounter, lastMinutes } from "../../src/operate/flow.ts";
import { connect } from "../../src/store/connection.ts";
import { createFlowStore, type FlowMinute } from "../../src/store/flow.ts";
import { createRecordedEvents } from "../support/recorded-events.ts";
import { startTestRedis } from "../support/redis.ts";

const AT = Date.parse("2026-11-22T10:00:30Z");
const DELIVERED = {
  message: "m",
  domain: "example.com",
  to: ["a@example.com"],
  host: "mx",
  tls: "",
  reply: "250",
  ageMs: 1,
};
const REFUSED = { client: "192.0.2.1", reply: "550 5.7.1 no" };

test("what happens is counted for its minute, told on, and added up over processes", async () => {
  await using redis = await startTestRedis();
  const connection = await connect({ target: { socketPath: redis.socketPath }, onState: () => undefined });
  await using _ = { [Symbol.asyncDispose]: () => connection.close() };
  const store = createFlowStore(connection);
  let now = AT;
  const recorded = createRecordedEvents();
  const counters = [0, 1].map(() => createFlowCounter({ store, now: () => now }));
  for (const counter of counters) {
    const events = counter.events(recorded.events);
    events.delivered(DELIVERED);
    now += 60_000;
    events.submissionRefused(REFUSED);
    await counter.flush();
    now = AT;
  }
  assert.equal(recorded.of("delivered").length, 2);
  const read = await store.read(lastMinutes(3, AT + 60_000));
  assert.deepEqual(
    read.map(({ minute, delivered, refused }) => [minute, delivered, refused]),
    [
      ["2026-11-22T09:59", 0, 0],
      ["2026-11-22T10:00", 2, 0],
      ["2026-11-22T10:01", 0, 2],
    ],
  );
});

test("what could not be written is kept for the next time", async () => {
  const written: FlowMinute[] = [];
  let isAway = true;
  const counter = createFlowCounter({
    store: {
      add: async (minutes) => {
        if (isAway) throw new Error("away");
        written.push(...minutes);
      },
    },
    now: () => AT,
  });
  const events = counter.events(createRecordedEvents().events);
  events.delivered(DELIVERED);
  await assert.rejects(counter.flush(), /away/);
  events.delivered(DELIVERED);
  isAway = false;
  await counter.flush();
  await counter.flush();
  assert.deepEqual(
    written.map(({ delivered }) => delivered),
    [2],
  );
});
