import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outcome } from "../../src/delivery/outcome.ts";
import { readResult, walk, type WalkParts } from "../../src/delivery/walk.ts";
import type { RouteHost } from "../../src/delivery/route.ts";
import type { CertificateKind } from "../../src/lab/certificate-kind.ts";
import type { MxBehaviour } from "../../src/lab/mx-behaviour.ts";
import type { HostRequirement } from "../../src/tls/requirement.ts";
import type { TransactionResult } from "../../src/smtp/transaction.ts";
import { createTestHosts, leakedTo } from "../support/test-hosts.ts";
import { createZoneResolver } from "../support/zone-resolver.ts";
import { createParts, createReport, MESSAGE, routeTo, SOON, under, withoutPolicy } from "./support/parts.ts";

const TO = ["user@lab.test"];

type Requirement = (host: RouteHost) => HostRequirement;

async function deliver(
  parts: WalkParts,
  hosts: RouteHost[],
  requirement: Requirement,
  { to = TO, message = MESSAGE, report = createReport(), signal = new AbortController().signal } = {},
) {
  const outcomes = await walk(parts, message, to, hosts, requirement, report, { signal });
  return { outcomes, report, words: [...outcomes].map(([address, outcome]) => `${address} ${wordsOf(outcome)}`) };
}

const wordsOf = (outcome: Outcome): string =>
  outcome.kind === "delivered"
    ? `delivered ${outcome.host}`
    : outcome.kind === "failed"
      ? `failed ${outcome.status}`
      : `deferred ${outcome.reason}`;

const FAULTS: [string, MxBehaviour, CertificateKind][] = [
  ["STARTTLS not offered", { starttls: "absent" }, "good"],
  ["STARTTLS refused for now", { starttls: { reply: "454 4.7.0 not today" } }, "good"],
  ["STARTTLS refused for good", { starttls: { reply: "554 5.7.0 never" } }, "good"],
  ["plain text injected", { starttls: { inject: "250-x\r\n250 AUTH PLAIN\r\n" } }, "good"],
  ["TLS 1.1 at most", { tls: { minVersion: "TLSv1", maxVersion: "TLSv1.1" } }, "good"],
  ["self-signed", {}, "self-signed"],
  ["another authority", {}, "other-authority"],
  ["expired", {}, "expired"],
  ["not yet valid", {}, "not-yet-valid"],
  ["another name", {}, "wrong-name"],
  ["common name only", {}, "common-name-only"],
  ["partial wildcard", {}, "partial-wildcard"],
  ["no greeting", { greeting: "never" }, "good"],
  ["554 greeting", { greeting: "554 5.3.2 closed" }, "good"],
];

test("under enforce a host with any fault learns nothing of envelope or body, and the message waits (STS-VAL-2, STS-VAL-3, STS-VAL-4, STS-VAL-9)", async () => {
  await using hosts = createTestHosts();
  using parts = createParts({ limits: SOON });
  for (const [what, behaviour, certificate] of FAULTS) {
    const mx = await hosts.start("mx1.lab.test", behaviour, certificate);
    const { outcomes } = await deliver(parts, [routeTo(mx)], under("enforce"));
    assert.equal(outcomes.get("user@lab.test")?.kind, "deferred", what);
    assert.equal(leakedTo(mx), "", what);
    assert.ok(mx.sessions.length >= 1, what);
  }
});

test("under enforce a host that the policy does not list is not even connected to (STS-VAL-1, STS-VAL-4)", async () => {
  await using hosts = createTestHosts();
  using parts = createParts();
  const mx = await hosts.start("mx1.lab.test");
  const { words, report } = await deliver(parts, [routeTo(mx)], under("enforce", ["mx2.lab.test"]));
  assert.deepEqual(words, ["user@lab.test deferred policy-violation"]);
  assert.equal(mx.sessions.length, 0);
  assert.match(report.attempts[0] ?? "", /^mx1\.lab\.test validation-failure: refused before connecting/);
});

test("a host that fails the policy is treated like one that cannot be reached: the next takes the message (STS-VAL-5, RFC 8461 section 5.1)", async () => {
  await using hosts = createTestHosts();
  const good = await hosts.start("mx2.lab.test");
  for (const [what, behaviour, certificate] of FAULTS) {
    using parts = createParts({ limits: SOON });
    const bad = await hosts.start("mx1.lab.test", behaviour, certificate);
    const { words } = await deliver(parts, [routeTo(bad), routeTo(good)], under("enforce"));
    assert.deepEqual(words, ["user@lab.test delivered mx2.lab.test"], what);
    assert.equal(leakedTo(bad), "", what);
  }
  assert.equal(good.messages.length, FAULTS.length);
});

test("the walk takes hosts in the order of the MX records, listed by the policy or not (STS-VAL-5, RFC 8461 section 8.4)", async () => {
  await using hosts = createTestHosts();
  using parts = createParts();
  const [unlisted, bad, good] = [
    await hosts.start("unlisted.other.test"),
    await hosts.start("mx1.lab.test", {}, "expired"),
    await hosts.start("mx2.lab.test"),
  ];
  const { report } = await deliver(parts, [unlisted, bad, good].map(routeTo), under("enforce"));
  assert.deepEqual(
    report.attempts.map((line) => line.split(":")[0]),
    ["unlisted.other.test validation-failure", "mx1.lab.test certificate-expired", "mx2.lab.test meets"],
  );
});

test("in testing mode a message is delivered as without a policy, and each violation reported (STS-VAL-6)", async () => {
  await using hosts = createTestHosts();
  const expected: Record<string, string | undefined> = {
    "STARTTLS not offered": "starttls-not-supported",
    "STARTTLS refused for now": "starttls-not-supported",
    "TLS 1.1 at most": "validation-failure",
    "self-signed": "certificate-not-trusted",
    expired: "certificate-expired",
    "another name": "certificate-host-mismatch",
  };
  for (const [what, behaviour, certificate] of FAULTS.filter(([what]) => what in expected)) {
    using parts = createParts();
    const mx = await hosts.start("mx1.lab.test", behaviour, certificate);
    const { words, report } = await deliver(parts, [routeTo(mx)], under("testing"));
    assert.deepEqual(words, ["user@lab.test delivered mx1.lab.test"], what);
    assert.deepEqual(report.violations, [`mx1.lab.test ${expected[what]}`], what);
    assert.match(report.attempts[0] ?? "", new RegExp(`^mx1.lab.test ${expected[what]}: delivered`), what);
  }
  using parts = createParts();
  const mx = await hosts.start("mx1.lab.test");
  const { report } = await deliver(parts, [routeTo(mx)], under("testing"));
  assert.deepEqual(report.violations, []);
});

test("a policy in mode none, and no policy, leave the delivery as it was: TLS where it can be had, else clear (STS-VAL-7)", async () => {
  await using hosts = createTestHosts();
  const cases: [MxBehaviour, CertificateKind, boolean][] = [
    [{}, "self-signed", true],
    [{ starttls: "absent" }, "good", false],
    [{ starttls: { reply: "454 4.7.0 no" } }, "good", false],
  ];
  for (const requirement of [under("none"), withoutPolicy]) {
    for (const [behaviour, certificate, secured] of cases) {
      using parts = createParts();
      const mx = await hosts.start("mx1.lab.test", behaviour, certificate);
      const { words, report } = await deliver(parts, [routeTo(mx)], requirement);
      assert.deepEqual(words, ["user@lab.test delivered mx1.lab.test"]);
      assert.equal(mx.messages[0]?.tls !== undefined, secured);
      assert.deepEqual(report.violations, []);
    }
  }
});

test("who is refused by one host is not offered to the next; who is left by its state is (RFC 5321 section 5.1)", async () => {
  await using hosts = createTestHosts();
  const cases: [string, MxBehaviour, string][] = [
    ["550 at RCPT", { rcpt: () => "550 5.1.1 nobody" }, "failed 5.1.1"],
    ["450 at RCPT", { rcpt: () => "450 4.7.1 greylisted" }, "deferred reply"],
    ["450 at the message", { message: "450 4.2.0 later" }, "deferred reply"],
    ["554 at the message", { message: "554 5.6.0 bad" }, "failed 5.6.0"],
    ["550 at MAIL", { mail: () => "550 5.7.1 not you" }, "failed 5.7.1"],
    ["451 at MAIL", { mail: () => "451 4.3.0 not now" }, "delivered mx2.lab.test"],
    ["421 at MAIL", { mail: () => "421 4.3.2 closing" }, "delivered mx2.lab.test"],
    ["451 at DATA", { data: "451 4.3.0 not now" }, "delivered mx2.lab.test"],
    ["421 at RCPT", { rcpt: () => "421 4.3.2 closing" }, "delivered mx2.lab.test"],
    ["421 at the message", { message: "421 4.3.2 closing" }, "delivered mx2.lab.test"],
  ];
  for (const [what, behaviour, expected] of cases) {
    using parts = createParts();
    const first = await hosts.start("mx1.lab.test", behaviour);
    const second = await hosts.start("mx2.lab.test");
    const { words } = await deliver(parts, [routeTo(first), routeTo(second)], under("enforce"));
    assert.deepEqual(words, [`user@lab.test ${expected}`], what);
    assert.equal(second.messages.length, expected.startsWith("delivered") ? 1 : 0, what);
  }
});

test("a connection that drops inside the message sends no second copy to another host in the same attempt", async () => {
  await using hosts = createTestHosts();
  for (const drop of ["during-message", "after-message"] as const) {
    using parts = createParts({ recipientsPerTransaction: 1 });
    const first = await hosts.start("mx1.lab.test", { drop });
    const second = await hosts.start("mx2.lab.test");
    const to = ["a@lab.test", "b@lab.test"];
    const { words } = await deliver(parts, [routeTo(first), routeTo(second)], under("enforce"), { to });
    // Of the second recipient the first host has heard nothing.
    assert.deepEqual(words, ["a@lab.test deferred session", "b@lab.test delivered mx2.lab.test"], drop);
    assert.deepEqual(
      second.messages.map((message) => message.to),
      [["b@lab.test"]],
    );
  }
});

test("recipients go in batches over one session, and what a host said of one batch is written down before the next", async () => {
  await using hosts = createTestHosts();
  using parts = createParts({ recipientsPerTransaction: 2 });
  let writing = false;
  const report = createReport(async () => {
    writing = true;
    await new Promise((resolve) => setTimeout(resolve, 20));
    writing = false;
  });
  const whileWriting: boolean[] = [];
  const mx = await hosts.start("mx1.lab.test", {
    mail: () => void whileWriting.push(writing),
    rcpt: (to) => (to.startsWith("c") ? "550 5.1.1 nobody" : undefined),
  });
  const to = ["a", "b", "c", "d", "e"].map((name) => `${name}@lab.test`);
  const { words } = await deliver(parts, [routeTo(mx)], under("enforce"), { to, report });
  assert.deepEqual(
    mx.messages.map((message) => message.to.length),
    [2, 1, 1],
  );
  assert.equal(mx.sessions.length, 1);
  assert.deepEqual(whileWriting, [false, false, false]);
  assert.deepEqual(
    report.settlements.map((outcomes) => outcomes.size),
    [2, 2, 1],
  );
  assert.deepEqual(
    words.filter((line) => !line.includes("delivered")),
    ["c@lab.test failed 5.1.1"],
  );
});

test("an address that a host cannot take does not hold up the others (RFC 6531)", async () => {
  await using hosts = createTestHosts();
  using parts = createParts();
  const mx = await hosts.start("mx1.lab.test", { keywords: ["8BITMIME"] });
  const message = { ...MESSAGE, smtputf8: true };
  const to = ["a@lab.test", "ü@lab.test", '"<"@lab.test', "b@lab.test"];
  const { outcomes } = await deliver(parts, [routeTo(mx)], under("enforce"), { to, message });
  const words = Object.fromEntries([...outcomes].map(([address, outcome]) => [address, wordsOf(outcome)]));
  assert.deepEqual(words, {
    "a@lab.test": "delivered mx1.lab.test",
    "b@lab.test": "delivered mx1.lab.test",
    "ü@lab.test": "failed 5.6.7",
    '"<"@lab.test': "failed 5.1.3",
  });
  assert.doesNotMatch(leakedTo(mx), /\xc3|ü/);
});

test("a kept session is used again; one that the host has ended is replaced by a new one in the same attempt", async () => {
  await using hosts = createTestHosts();
  using parts = createParts();
  const mx = await hosts.start("mx1.lab.test");
  for (let i = 0; i < 2; i += 1) await deliver(parts, [routeTo(mx)], under("enforce"));
  assert.deepEqual([mx.sessions.length, mx.messages.length], [1, 2]);

  // Lent in the moment that the host ends it: the connection still looks open.
  const lend = parts.pool.lend.bind(parts.pool);
  parts.pool.lend = (target, suffices) => {
    const session = lend(target, suffices);
    if (session !== undefined) mx.behave({});
    return session;
  };
  const { words, report } = await deliver(parts, [routeTo(mx)], under("enforce"));
  assert.deepEqual(words, ["user@lab.test delivered mx1.lab.test"]);
  assert.deepEqual([mx.sessions.length, mx.messages.length], [2, 3]);
  assert.equal(report.attempts.length, 1);
});

test("a kept session that the host gives up with 421 is replaced too, and says nothing against the host", async () => {
  await using hosts = createTestHosts();
  using parts = createParts();
  let busy = false;
  const mail: MxBehaviour["mail"] = () => (busy ? "421 4.4.2 idle too long" : undefined);
  const mx = await hosts.start("mx1.lab.test", { mail });
  await deliver(parts, [routeTo(mx)], under("enforce"));
  busy = true;
  parts.openSession = ((open) => (target, options) => {
    busy = false;
    return open(target, options);
  })(parts.openSession);
  const { words } = await deliver(parts, [routeTo(mx)], under("enforce"));
  assert.deepEqual(words, ["user@lab.test delivered mx1.lab.test"]);
  assert.equal(mx.sessions.length, 2);
});

test("an address that is not public is not connected to, and the reason says so", async () => {
  await using hosts = createTestHosts();
  using parts = createParts({
    guard: (address) => (address === "10.0.0.1" ? { allowed: false, why: "10.0.0.1 is private" } : { allowed: true }),
    dns: createZoneResolver({
      "mx1.lab.test": { addresses: ["10.0.0.1"] },
      "mx2.lab.test": { addresses: ["127.0.0.1"] },
    }),
  });
  const mx = await hosts.start("mx2.lab.test");
  const inside = { name: "mx1.lab.test", port: mx.port, implicitTls: false };
  const { words, report } = await deliver(parts, [inside, routeTo(mx)], under("enforce"));
  assert.deepEqual(words, ["user@lab.test delivered mx2.lab.test"]);
  assert.equal(report.attempts[0], "mx1.lab.test none: mx1.lab.test: 10.0.0.1 is private");
  assert.deepEqual(parts.openings, ["require"]);
});

test("a host's addresses are tried in turn, IPv6 first, and not at all where IPv6 is off", async () => {
  await using hosts = createTestHosts();
  const mx = await hosts.start("mx1.lab.test");
  const zone = { "mx1.lab.test": { addresses: ["127.0.0.1", "::1"] }, "mx6.lab.test": { addresses: ["::1"] } };
  const guard = () => ({ allowed: true }) as const;
  for (const [ipv6, expected] of [
    [true, ["::1", "127.0.0.1"]],
    [false, ["127.0.0.1"]],
  ] as const) {
    const tried: string[] = [];
    using parts = createParts({ ipv6, guard, dns: createZoneResolver(zone) });
    parts.openSession = ((open) => (target, options) => {
      tried.push(target.address);
      return open(target, options);
    })(parts.openSession);
    const { words } = await deliver(parts, [routeTo(mx)], under("enforce"));
    assert.deepEqual(words, ["user@lab.test delivered mx1.lab.test"]);
    assert.deepEqual(tried, expected);
  }
  using parts = createParts({ ipv6: false, guard, dns: createZoneResolver(zone) });
  const only6 = { name: "mx6.lab.test", port: mx.port, implicitTls: false };
  const { outcomes } = await deliver(parts, [only6], under("enforce"));
  assert.match((outcomes.get("user@lab.test") as { detail: string }).detail, /it has no address/);
});

test("a host whose address is not known is passed over; where all are, the message waits for the DNS", async () => {
  await using hosts = createTestHosts();
  const dns = createZoneResolver({
    "mx1.lab.test": { addresses: "servfail" },
    "mx3.lab.test": { addresses: ["127.0.0.1"] },
  });
  using parts = createParts({ dns });
  const mx = await hosts.start("mx3.lab.test");
  const named = (name: string): RouteHost => ({ name, port: mx.port, implicitTls: false });
  const lost = [named("mx1.lab.test"), named("mx2.lab.test")];
  assert.deepEqual((await deliver(parts, lost, under("enforce"))).words, ["user@lab.test deferred dns"]);
  const { words } = await deliver(parts, [...lost, routeTo(mx)], under("enforce"));
  assert.deepEqual(words, ["user@lab.test delivered mx3.lab.test"]);
});

test("a signal ends the walk: no other host is tried, and what is left waits", async () => {
  await using hosts = createTestHosts();
  using parts = createParts();
  const stop = new AbortController();
  const mail: MxBehaviour["mail"] = () => {
    stop.abort();
    return "451 4.3.0 not now";
  };
  const first = await hosts.start("mx1.lab.test", { mail });
  const second = await hosts.start("mx2.lab.test");
  const { words } = await deliver(parts, [routeTo(first), routeTo(second)], under("enforce"), { signal: stop.signal });
  assert.match(words[0] ?? "", /deferred/);
  assert.equal(second.sessions.length, 0);
});

test("the most telling of all hosts' reasons explains why a message waits", async () => {
  await using hosts = createTestHosts();
  using parts = createParts();
  const refusing = await hosts.start("mx1.lab.test", { greeting: "554 5.3.2 closed" });
  const bad = await hosts.start("mx2.lab.test", {}, "expired");
  const { outcomes } = await deliver(parts, [routeTo(refusing), routeTo(bad)], under("enforce"));
  const outcome = outcomes.get("user@lab.test");
  assert.ok(outcome?.kind === "deferred");
  assert.deepEqual([outcome.reason, outcome.status], ["policy-violation", "4.7.5"]);
  assert.match(outcome.detail, /^mx2\.lab\.test: its certificate expired on .*; mx1\.lab\.test: it greeted with/);
});

test("a recipient about whom nothing was said goes on to the next host, with a reason", () => {
  const result: TransactionResult = {
    kind: "answered",
    answers: [{ address: "b@lab.test", stage: "message", reply: { code: 250, text: "250 ok" } }],
  };
  const { outcomes, left } = readResult(result, ["a@lab.test", "b@lab.test"], "mx1.lab.test", "TLSv1.3");
  assert.deepEqual([...outcomes.keys()], ["b@lab.test"]);
  assert.equal(left?.detail, "mx1.lab.test: its reply is not SMTP");
});
