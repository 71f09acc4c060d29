import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createMailQueue, type MailQueue } from "../../src/store/mail-queue.ts";
import { connect, type StoreConnection } from "../../src/store/connection.ts";
import { createTlsBooks, queuedNote } from "../../src/store/tls-results.ts";
import type { DayCount, TlsBooks } from "../../src/tlsrpt/books.ts";
import { dueAt } from "../../src/tlsrpt/day.ts";
import type { PolicyResults } from "../../src/tlsrpt/report.ts";
import { NO_POLICY } from "../../src/tlsrpt/result.ts";
import { startTestRedis, type TestRedis } from "../support/redis.ts";

let redis: TestRedis;
let connection: StoreConnection;
let books: TlsBooks;
let queue: MailQueue;

// Not in the past: Redis lets what is kept for some days after it go by its own clock.
const day = new Date().toISOString().slice(0, 10);

before(async () => {
  redis = await startTestRedis();
  connection = await connect({ target: redis, onState: () => undefined });
  books = createTlsBooks(connection);
  queue = createMailQueue({ connection });
});

after(async () => {
  await queue.close();
  await connection.close();
  await redis.stop();
});

const addAll = async (to: TlsBooks, counts: DayCount[]) => {
  for (const count of counts) await to.add(count);
};
const sts = (...mxHosts: string[]) => ({ type: "sts" as const, strings: ["version: STSv1"], mxHosts });
const nothing = { successful: 0, failed: 0, failures: [] };

test("counts of several processes add up, by policy and by failure (RPT-COL-1)", async () => {
  const key = { day, domain: "sums.example" };
  const failure = (reason: string, count: number) => ({
    detail: { resultType: "certificate-expired" as const, receivingIp: "192.0.2.1", reason },
    count,
  });
  const under = sts("mx.sums.example");
  await addAll(books, [
    { ...key, policies: [{ policy: under, successful: 2, failed: 1, failures: [failure("it expired", 1)] }] },
    { ...key, domain: "other.example", policies: [{ policy: NO_POLICY, ...nothing, successful: 5 }] },
  ]);
  await addAll(createTlsBooks(connection), [
    {
      ...key,
      policies: [{ policy: under, successful: 1, failed: 3, failures: [failure("it expired", 2), failure("b c", 1)] }],
    },
    { ...key, policies: [{ policy: NO_POLICY, ...nothing, successful: 1 }] },
  ]);
  assert.deepEqual(await books.results(key), [
    { policy: under, successful: 3, failed: 4, failures: [failure("it expired", 3), failure("b c", 1)] },
    { policy: NO_POLICY, ...nothing, successful: 1 },
  ] satisfies PolicyResults[]);
  assert.deepEqual(await books.results({ day, domain: "nobody.example" }), []);
});

test("a domain that fails in ever new ways takes bounded room, and no session is lost from the count", async () => {
  const key = { day, domain: "endless.example" };
  for (let policy = 0; policy < 15; policy++) {
    const failures = Array.from({ length: 50 }, (_, i) => ({
      detail: {
        resultType: i % 2 === 0 ? ("validation-failure" as const) : ("certificate-expired" as const),
        reason: `${policy}.${i}`,
      },
      count: 1,
    }));
    await addAll(books, [
      { ...key, policies: [{ policy: sts(`mx${policy}.endless.example`), successful: 1, failed: 50, failures }] },
    ]);
  }
  const results = await books.results(key);
  assert.equal(results.length, 11, "ten policies, and one for all others");
  assert.equal(
    results.reduce((sum, each) => sum + each.successful, 0),
    15,
  );
  const failures = results.flatMap((each) => each.failures);
  assert.ok(failures.length <= 500 + 2 * 11, `${failures.length} details`);
  assert.equal(
    failures.reduce((sum, { count }) => sum + count, 0),
    15 * 50,
  );
  assert.equal(
    results.reduce((sum, each) => sum + each.failed, 0),
    15 * 50,
  );
  assert.ok((await connection.redis.pttl(`{relay}:tls-results:${day}:endless.example`)) > 0, "it goes by itself");
});

test("a report that is due is taken by one process, and by another only when the first does not finish (RPT-TIME-1)", async () => {
  await connection.redis.flushall();
  const key = { day, domain: "due.example" };
  await addAll(books, [{ ...key, policies: [{ policy: NO_POLICY, ...nothing, successful: 1 }] }]);
  const due = dueAt(day, key.domain);
  assert.deepEqual(await books.takeDue(due - 1, due + 1000, 10), [], "not before its time");
  const both = await Promise.all([
    books.takeDue(due, due + 1000, 10),
    createTlsBooks(connection).takeDue(due, due + 1000, 10),
  ]);
  assert.deepEqual(both.flat(), [key], "two at one time");
  assert.equal(await books.take(key, due + 1, due + 1000), undefined, "also by name");
  assert.deepEqual(await books.takeDue(due + 999, due + 2000, 10), []);
  assert.deepEqual(await books.takeDue(due + 1000, due + 2000, 10), [key], "the first one died");
  await books.putOff(key, due + 5000);
  assert.deepEqual(await books.takeDue(due + 4999, due + 6000, 10), []);
  assert.deepEqual(await books.takeDue(due + 5000, due + 6000, 10), [key]);
  assert.equal((await books.state(key)).attempts, 3);
  await books.close(key);
  assert.deepEqual(await books.takeDue(due + 100_000, due + 200_000, 10), []);
  assert.equal(await books.take(key, due + 100_000, due + 200_000), undefined);
  assert.equal((await books.state(key)).closed, true);
});

test("what is counted after the report was taken up is dropped: a day has one report", async () => {
  await connection.redis.flushall();
  const key = { day, domain: "late.example" };
  const count = { ...key, policies: [{ policy: NO_POLICY, ...nothing, successful: 1 }] };
  await addAll(books, [count]);
  const due = dueAt(day, key.domain);
  await books.takeDue(due, due + 1000, 10);
  await addAll(books, [count]);
  await books.close(key);
  await addAll(books, [count]);
  assert.equal((await books.results(key))[0]?.successful, 1);
  assert.deepEqual(await books.takeDue(due + 10_000, due + 20_000, 10), []);
});

for (const scripts of ["known", "forgotten"]) {
  test(`that a report is in the queue is written in the transaction that puts it there, with Redis' scripts ${scripts} (RPT-SEND-1)`, async () => {
    await connection.redis.flushall();
    if (scripts === "forgotten") await connection.redis.script("FLUSH");
    const key = { day, domain: "noted.example" };
    const envelope = { from: "", to: ["reports@noted.example"], smtputf8: false, eightBit: false };
    const message = { id: "t1", envelope, data: Buffer.from("Subject: x\r\n\r\n"), acceptedAt: Date.now() };
    const note = queuedNote(key, "mailto:reports@noted.example", "t1", 5);
    await queue.addNoted(message, 60_000, note);
    const { destinations } = await books.state(key);
    assert.deepEqual(destinations.get("mailto:reports@noted.example"), { state: "queued", at: 5, message: "t1" });
    assert.equal((await queue.counts()).waiting, 1);
    await books.note(key, "https://noted.example/x;y z", { state: "accepted", at: 6 });
    assert.equal((await books.state(key)).destinations.size, 2);
  });
}
