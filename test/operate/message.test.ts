/** What became of a message, from its history and the queue. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AcceptedEntry, AttemptEntry, HistoryEntry, OperatorEntry } from "../../src/mail/history.ts";
import { explain } from "../../src/operate/explain.ts";
import { explainPolicy } from "../../src/operate/explain-attempt.ts";
import { storyOf } from "../../src/operate/message.ts";
import type { QueuedJob } from "../../src/store/queue-read.ts";

const NOW = Date.parse("2026-11-22T10:10:00Z");

const accepted: AcceptedEntry = {
  kind: "accepted",
  at: "2026-11-22T10:00:00.000Z",
  from: "app@sender.example",
  to: ["a@one.example"],
  recipients: 1,
  sizeBytes: 420,
  client: "192.0.2.7",
  user: "app",
  protocol: "ESMTPSA",
  messageId: "x@app.example",
};

const attempt = (outcome: Partial<AttemptEntry["outcomes"][0]>, change: Partial<AttemptEntry> = {}): AttemptEntry => ({
  kind: "attempt",
  at: "2026-11-22T10:00:01.000Z",
  domain: "one.example",
  attempt: 1,
  hosts: [],
  outcomes: [{ to: ["a@one.example"], state: "waiting", detail: "greylisted", ...outcome }],
  same: "x",
  ...change,
});

const operator = (verb: OperatorEntry["verb"]): OperatorEntry => ({
  kind: "operator",
  at: "2026-11-22T10:05:00.000Z",
  domain: "one.example",
  verb,
  by: "root@test",
});

const job = (state: QueuedJob["state"], tries: number, at?: number): QueuedJob => ({
  id: "M1/one.example",
  message: "M1",
  domain: "one.example",
  state,
  ...(at === undefined ? {} : { at }),
  data: {
    message: "M1",
    domain: "one.example",
    from: "app@sender.example",
    recipients: [{ address: "a@one.example", state: "waiting", ...(tries > 0 ? { detail: "greylisted" } : {}) }],
    acceptedAt: "2026-11-22T10:00:00.000Z",
    expiresAt: "2026-11-27T10:00:00.000Z",
    sizeBytes: 420,
    smtputf8: false,
    eightBit: false,
    attempt: tries,
    attempts: [],
  },
});

test("the state of a message follows from its history and from where it stands in the queue", () => {
  const delivered = attempt({ state: "delivered", detail: "mx.one.example" });
  const failed = attempt({ state: "failed", status: "5.1.1", detail: "no such user" });
  const cases: [string, HistoryEntry[], QueuedJob[] | undefined, string][] = [
    ["new", [accepted], [job("waiting", 0)], "waiting"],
    ["put off", [accepted, attempt({})], [job("deferred", 1, NOW)], "deferred"],
    ["put off, and the queue was not asked", [accepted, attempt({})], undefined, "deferred"],
    ["under way again", [accepted, attempt({})], [job("active", 1)], "deferred"],
    ["held", [accepted, attempt({}), operator("hold")], [job("held", 1, NOW)], "held"],
    ["delivered", [accepted, delivered], [], "delivered"],
    ["delivered after a delay", [accepted, attempt({}), { ...delivered, attempt: 2 }], [], "delivered"],
    ["failed", [accepted, failed], [], "failed"],
    ["dropped", [accepted, attempt({}), operator("drop")], [], "dropped"],
    ["delivered, though it was ordered to be dropped", [accepted, operator("drop"), delivered], [], "delivered"],
    ["gone without a word", [accepted, attempt({})], [], "unknown"],
    ["never tried, and gone", [accepted], [], "unknown"],
    ["its beginning is forgotten", [attempt({})], [job("deferred", 1, NOW)], "deferred"],
  ];
  for (const [what, entries, jobs, state] of cases)
    assert.equal(storyOf({ id: "M1", entries }, jobs).state, state, what);
});

test("recipients and domains that fared differently make a mixed message", () => {
  const both = { ...accepted, to: ["a@one.example", "b@one.example"], recipients: 2 };
  const outcomes: AttemptEntry["outcomes"] = [
    { to: ["a@one.example"], state: "delivered", detail: "mx.one.example" },
    { to: ["b@one.example"], state: "failed", status: "5.1.1", detail: "no such user" },
  ];
  assert.equal(storyOf({ id: "M1", entries: [both, attempt({}, { outcomes })] }, []).state, "mixed");
  const two = { ...accepted, to: ["a@one.example", "b@two.example"], recipients: 2 };
  const other = attempt({ to: ["b@two.example"], state: "delivered", detail: "mx" }, { domain: "two.example" });
  const story = storyOf({ id: "M1", entries: [two, attempt({ state: "failed", detail: "no" }), other] }, []);
  assert.deepEqual(
    [story.state, ...story.domains.map(({ domain, state }) => `${domain} ${state}`)],
    ["mixed", "one.example failed", "two.example delivered"],
  );
});

test("what happens next is told, with its time", () => {
  const cases: [QueuedJob, RegExp][] = [
    [job("deferred", 1, NOW + 50_000), /tried again at 2026-11-22 10:10:50 UTC \(in 50 s\)\. .*until 2026-11-27/],
    [job("waiting", 0), /due now, and waits for a worker/],
    [job("due", 1), /due now, and waits for a worker/],
    [job("active", 1), /under way at this moment/],
    [job("held", 1, NOW), /sts-relay queue release M1/],
    [
      { ...job("active", 1), order: { verb: "drop", by: "root@test", at: "2026-11-22T10:09:00.000Z" } },
      /root@test ordered: drop/,
    ],
  ];
  for (const [queued, expected] of cases) {
    const { domains } = explain(storyOf({ id: "M1", entries: [accepted] }, [queued]), NOW);
    assert.match(domains[0]?.next.join(" ") ?? "", expected, queued.state);
  }
  assert.deepEqual(explain(storyOf({ id: "M1", entries: [accepted] }, []), NOW).domains[0]?.next, []);
});

test("who handed it in, when and how is told", () => {
  const { about } = explain(storyOf({ id: "M1", entries: [accepted] }, []), NOW);
  assert.deepEqual(about, [
    "from app@sender.example to a@one.example",
    "accepted 2026-11-22 10:00:00 UTC (10 min ago) from 192.0.2.7, logged in as app by ESMTPSA, 420 bytes",
    "Message-ID: <x@app.example>",
  ]);
});

test("attempts that went alike are told as one, and a policy that is known is not told twice", () => {
  const policy = {
    kind: "policy",
    mode: "enforce",
    id: "7",
    fetchedAt: "2026-11-22T10:00:00.000Z",
    record: "same",
  } as const;
  const first = attempt({}, { policy });
  const run = attempt(
    {},
    { policy, attempt: 9, times: 8, firstAt: "2026-11-22T10:02:00.000Z", at: "2026-11-22T10:09:00.000Z" },
  );
  const [domain] = explain(storyOf({ id: "M1", entries: [accepted, first, run] }, []), NOW).domains;
  assert.deepEqual(
    domain?.timeline.map(({ what }) => what),
    ["attempt 1", "attempt 9; the last 8 attempts went alike, the first of them 2026-11-22 10:02:00 UTC"],
  );
  assert.match(domain?.timeline[0]?.details[0] ?? "", /id 7, fetched .* mode enforce/);
  assert.equal(domain?.timeline[1]?.details[0], "What is known of the policy is the same.");
});

test("each way in which a policy can be known or not is told for what it means", () => {
  const fetchedAt = "2026-11-22T10:00:00.000Z";
  const known = { kind: "policy", id: "7", fetchedAt } as const;
  const cases: [Parameters<typeof explainPolicy>[0], boolean, RegExp][] = [
    [{ ...known, mode: "enforce", record: "same" }, true, /only to mail hosts that the policy lists/],
    [{ ...known, mode: "testing", record: "fetched" }, true, /delivered all the same, and the breach noted/],
    [{ ...known, mode: "none", record: "same" }, true, /asks for no protection/],
    [{ ...known, mode: "enforce", record: "unavailable" }, true, /could not be had this time; .* holds on/],
    [
      { ...known, mode: "enforce", record: "changed-fetch-failed", detail: "404" },
      true,
      /newer one is announced .*\(404\)/,
    ],
    [{ kind: "none", because: "no-record", detail: "no TXT record" }, true, /publishes no .*nothing must be proved/],
    [{ kind: "none", because: "bad-record", detail: "two" }, true, /counts as none \(RFC 8461 section 3\.1\)/],
    [{ kind: "none", because: "fetch-failed", detail: "404" }, true, /could not be had \(404\).*section 3\.3/],
    [{ kind: "none", because: "not-a-domain", detail: "an address" }, true, /no MTA-STS policy for it: an address/],
    [{ kind: "unknown", detail: "SERVFAIL" }, false, /SERVFAIL\. It might ask for protection, so the message waits/],
    [{ kind: "unknown", detail: "SERVFAIL" }, true, /As this relay is set up, mail goes on without one/],
  ];
  for (const [policy, wentOn, expected] of cases) {
    assert.match(explainPolicy(policy, "one.example", wentOn), expected, JSON.stringify(policy));
  }
});
