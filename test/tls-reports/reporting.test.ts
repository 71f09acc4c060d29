/** The reporting over real books: a crash at any step loses no report and sends none twice. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { createSigner } from "../../src/dkim/signer.ts";
import type { DnsAnswer } from "../../src/dns/answer.ts";
import { generateDkimKey, readDkimKey } from "../../src/dkim/key.ts";
import { createEvents } from "../../src/observe/events.ts";
import { createLog } from "../../src/observe/log.ts";
import { connect, type StoreConnection } from "../../src/store/connection.ts";
import { createMailQueue, type MailQueue } from "../../src/store/mail-queue.ts";
import { bodyKey } from "../../src/store/keys.ts";
import { createTlsBooks, queuedNote } from "../../src/store/tls-results.ts";
import { createReporting, type Reporting, type ReportingParts } from "../../src/tls-reports/reporting.ts";
import { reportMail } from "../../src/tls-reports/report-mail.ts";
import type { TlsBooks } from "../../src/tlsrpt/books.ts";
import { DAY_MS, dayOf, dueAt, endOf } from "../../src/tlsrpt/day.ts";
import { NO_POLICY } from "../../src/tlsrpt/result.ts";
import { startTestRedis, type TestRedis } from "../support/redis.ts";

const day = dayOf(Date.now());
const KEY = { day, domain: "d.example" };
const TURN_MS = 30 * 60_000;
const reporter = { organization: "Sender", contact: "x", submitter: "sender.example" };
const MAIL = "mailto:reports@d.example";
const HTTPS = "https://r.d.example/";

let redis: TestRedis;
let connection: StoreConnection;
let books: TlsBooks;
let queue: MailQueue;
let now = 0;

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
beforeEach(async () => {
  await connection.redis.flushall();
  await books.add({ ...KEY, policies: [{ policy: NO_POLICY, successful: 1, failed: 0, failures: [] }] });
  now = dueAt(day, KEY.domain);
});

const found = (...records: string[]): DnsAnswer<string> => ({
  kind: "found",
  records,
  name: "x",
  ttlSeconds: 60,
  authentic: false,
});
const read = readDkimKey(generateDkimKey("ed25519"));
assert.ok("privateKey" in read);
const sign = createSigner([{ domain: "sender.example", selector: "s", ...read }]);

/** A process of the relay. `crash` is called at each step that can be the last. */
function startProcess(change: {
  crash?: (step: "before mail" | "after mail" | "after post") => void;
  txt?: () => DnsAnswer<string>;
  post?: ReportingParts["post"];
  posts?: string[];
}): Reporting {
  const { crash = () => undefined, posts = [] } = change;
  return createReporting({
    books,
    dns: { txt: async () => change.txt?.() ?? found(`v=TLSRPTv1; rua=${HTTPS},${MAIL}`) },
    post:
      change.post ??
      (async (url) => {
        posts.push(url.href);
        crash("after post");
        return { kind: "accepted" };
      }),
    mail: async (report, body, key, to) => {
      crash("before mail");
      const from = "tls-reports@sender.example";
      const message = await reportMail({ reporter, from, sign, now: () => now }, key, report, body, to);
      await queue.addNoted(message, 60_000, queuedNote(key, to.uri, message.id, now));
      crash("after mail");
      return message.id;
    },
    reporter,
    events: createEvents(createLog({ level: "silent", format: "json" })),
    now: () => now,
  });
}

/** As the relay does it when the message has arrived. */
async function deliverAll(): Promise<number> {
  const ids = await connection.redis.lrange("{relay}:delivery:wait", 0, -1);
  for (const id of ids) {
    await connection.redis.del(bodyKey(id.split("/")[0] ?? ""), `{relay}:delivery:${id}`);
    await connection.redis.lrem("{relay}:delivery:wait", 0, id);
  }
  return ids.length;
}

for (const step of ["before mail", "after mail"] as const) {
  test(`a crash ${step} neither loses the report nor sends it twice (RPT-SEND-1)`, async () => {
    const posts: string[] = [];
    const crash = (at: string) => {
      if (at === step) throw new Error("killed");
    };
    await assert.rejects(startProcess({ crash, posts }).sendDue(), /killed/);
    const early = await deliverAll();
    assert.equal(early, step === "after mail" ? 1 : 0);
    assert.equal(await startProcess({ posts }).sendDue(), 0, "the turn of the dead process is not over");
    now += TURN_MS;
    assert.equal(await startProcess({ posts }).sendDue(), 1);
    assert.equal(early + (await deliverAll()), 1, "one mail in all");
    assert.deepEqual(posts, [HTTPS]);
    now += DAY_MS;
    assert.equal(await startProcess({ posts }).sendDue(), 0);
  });
}

test("a crash between an accepted POST and the note of it repeats the POST with the same report, and nothing else", async () => {
  const posts: string[] = [];
  const crash = (at: string) => {
    if (at === "after post") throw new Error("killed");
  };
  await assert.rejects(startProcess({ crash, posts }).sendDue(), /killed/);
  now += TURN_MS;
  await startProcess({ posts }).sendDue();
  assert.equal(await deliverAll(), 1);
  assert.equal(posts.length, 2);
});

test("a process that hangs until its turn is over sends nothing any more", async () => {
  const slow = createGate();
  const first = createReportingWithSlowDns(slow.passed).sendDue();
  await slow.reached;
  now += TURN_MS;
  assert.equal(await startProcess({ txt: () => found(`v=TLSRPTv1; rua=${MAIL}`) }).sendDue(), 1);
  assert.equal(await deliverAll(), 1);
  slow.open();
  await first;
  assert.equal((await books.state(KEY)).attempts, 2);
  assert.equal(await deliverAll(), 0);
});

function createGate() {
  const { promise: passed, resolve: open } = Promise.withResolvers<void>();
  const { promise: reached, resolve: arrive } = Promise.withResolvers<void>();
  return { passed: () => (arrive(), passed), reached, open };
}

function createReportingWithSlowDns(wait: () => Promise<void>): Reporting {
  return createReporting({
    books,
    dns: { txt: async () => (await wait(), found(`v=TLSRPTv1; rua=${MAIL}`)) },
    post: async () => ({ kind: "accepted" }),
    mail: async () => assert.fail("too late"),
    reporter,
    events: createEvents(createLog({ level: "silent", format: "json" })),
    now: () => now,
  });
}

test("without an answer from the DNS the report waits; without a record there is none (RPT-TXT-1)", async () => {
  const unknown: DnsAnswer<string> = { kind: "unknown", why: "servfail", detail: "SERVFAIL" };
  const absent: DnsAnswer<string> = { kind: "absent", status: "nxdomain", ttlSeconds: 1, authentic: false };
  assert.equal(await startProcess({ txt: () => unknown }).sendDue(), 1);
  assert.equal(await deliverAll(), 0);
  now += 10 * 60_000;
  assert.equal(await startProcess({ txt: () => absent }).sendDue(), 1);
  now += DAY_MS;
  assert.equal(await startProcess({}).sendDue(), 0, "it is settled");
});

test("an endpoint that refuses for a day is given up, and tried at least once however late (RPT-SEND-3)", async () => {
  let asked = 0;
  const post: ReportingParts["post"] = async () => {
    asked += 1;
    return { kind: "failed", detail: "it answered with status 503" };
  };
  const failing = startProcess({ post, txt: () => found(`v=TLSRPTv1; rua=${HTTPS}`) });
  for (let hour = 0; hour < 30; hour++) {
    await failing.sendDue();
    now += DAY_MS / 24;
  }
  assert.ok(asked >= 12 && asked <= 25, `${asked} times`);
  const before = asked;
  now += DAY_MS;
  await failing.sendDue();
  assert.equal(asked, before);
  assert.equal((await books.state(KEY)).destinations.get(HTTPS)?.state, "given-up");

  const late = { day, domain: "late.example" };
  await books.add({ ...late, policies: [{ policy: NO_POLICY, successful: 1, failed: 0, failures: [] }] });
  now = endOf(day) + 3 * DAY_MS;
  await failing.sendDue();
  assert.equal(asked, before + 1);
});

test("a report that cannot be signed is not sent (RPT-SEND-1)", async () => {
  const unsigned = reportMail(
    { reporter, from: "x@other.example", sign, now: () => now },
    KEY,
    (await startProcess({}).preview(KEY)).report ?? assert.fail("no report"),
    Buffer.from("x"),
    { uri: MAIL, address: "reports@d.example" },
  );
  await assert.rejects(unsigned, /not signed/);
});

test("sending now takes the place of the daily report; a preview sends nothing", async () => {
  now = endOf(day) + 1;
  const reporting = startProcess({});
  const preview = await reporting.preview(KEY);
  assert.equal(preview.report?.policies.length, 1);
  assert.equal(preview.record.kind, "record");
  assert.equal(await deliverAll(), 0);
  const outcome = await reporting.send(KEY);
  assert.equal(outcome.kind === "sent" && outcome.destinations.size, 2);
  assert.deepEqual(await reporting.send(KEY), { kind: "not-ours" });
  assert.equal(await deliverAll(), 1);
  now += DAY_MS;
  assert.equal(await reporting.sendDue(), 0);
  assert.equal((await reporting.preview(KEY)).state.destinations.get(MAIL)?.state, "queued");
});
