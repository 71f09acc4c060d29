import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createTlsCollector } from "../../src/tls-reports/collect.ts";
import type { DayCount } from "../../src/tlsrpt/books.ts";
import { NO_POLICY, type SessionResult } from "../../src/tlsrpt/result.ts";

const AT = Date.parse("2026-11-22T23:59:59.999Z");

function session(change: Partial<SessionResult> = {}): SessionResult {
  return { at: AT, domain: "a.example", policy: NO_POLICY, ...change };
}

function books() {
  const written: DayCount[] = [];
  const state = { away: false };
  const add = async (count: DayCount) => {
    if (state.away) throw new Error("Redis is away");
    written.push(structuredClone(count));
  };
  return { written, state, add };
}

test("sessions are counted by day, domain, policy and failure, and written down together (RPT-COL-1, RPT-TIME-1)", async () => {
  const store = books();
  const collector = createTlsCollector({ books: store, onFault: (err) => assert.fail(String(err)) });
  const failure = { resultType: "validation-failure", reason: "x" } as const;
  collector.add(session());
  collector.add(session({ failure }));
  collector.add(session({ failure: { ...failure } }));
  collector.add(session({ failure: { resultType: "certificate-expired" } }));
  collector.add(session({ at: AT + 1 }));
  collector.add(session({ policy: { type: "sts", strings: ["x"], mxHosts: [] } }));
  await collector.close();
  assert.deepEqual(store.written, [
    {
      day: "2026-11-22",
      domain: "a.example",
      policies: [
        {
          policy: NO_POLICY,
          successful: 1,
          failed: 3,
          failures: [
            { detail: failure, count: 2 },
            { detail: { resultType: "certificate-expired" }, count: 1 },
          ],
        },
        { policy: { type: "sts", strings: ["x"], mxHosts: [] }, successful: 1, failed: 0, failures: [] },
      ],
    },
    {
      day: "2026-11-23",
      domain: "a.example",
      policies: [{ policy: NO_POLICY, successful: 1, failed: 0, failures: [] }],
    },
  ]);
});

test("while the store is away nothing counted is lost, the fault is told once, and memory is bounded", async () => {
  const store = books();
  const onFault = mock.fn();
  const collector = createTlsCollector({ books: store, onFault, most: 100 });
  store.state.away = true;
  for (let round = 0; round < 3; round++) {
    collector.add(session());
    for (let i = 0; i < 500; i++) collector.add(session({ domain: `d${i}.example` }));
    await collector.close();
  }
  assert.equal(onFault.mock.callCount(), 1);
  store.state.away = false;
  await collector.close();
  assert.ok(store.written.length <= 100);
  assert.equal(store.written.find(({ domain }) => domain === "a.example")?.policies[0]?.successful, 3);
});

test("without another word it is written down by itself, and again when that failed", { timeout: 5_000 }, async () => {
  const written = Promise.withResolvers<void>();
  let calls = 0;
  const add = async () => {
    calls += 1;
    if (calls === 1) throw new Error("away");
    written.resolve();
  };
  // The timer holds no process up: something else must.
  const alive = setInterval(() => undefined, 1000);
  const collector = createTlsCollector({ books: { add }, onFault: () => undefined, flushEveryMs: 5 });
  collector.add(session());
  await written.promise;
  clearInterval(alive);
  await collector.close();
  assert.equal(calls, 2);
});
