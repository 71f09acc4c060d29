import assert from "node:assert/strict";
import { test } from "node:test";
import { createDelivery, type DeliveryParts } from "../../src/delivery/deliver.ts";
import type { DomainRule } from "../../src/delivery/domain-rules.ts";
import { deferral } from "../../src/delivery/outcome.ts";
import type { MxBehaviour } from "../../src/lab/mx-behaviour.ts";
import type { PolicyAnswer } from "../../src/mta-sts/answer.ts";
import { createRecordedEvents } from "../support/recorded-events.ts";
import { createTestHosts, leakedTo } from "../support/test-hosts.ts";
import { createZoneResolver } from "../support/zone-resolver.ts";
import { createJob, LIFETIME_MS, waiting } from "./support/job.ts";
import { createParts, policyAnswer } from "./support/parts.ts";

const RULE: DomainRule = {
  mtaSts: "optional",
  onDiscoveryFailure: { action: "defer", deferForMs: 600_000 },
  route: undefined,
};
const NO_POLICY: PolicyAnswer = { kind: "none", because: "no-record", detail: "no record" };
const ENFORCE = policyAnswer("enforce", ["mx1.lab.test"]);
const DNS_AWAY: PolicyAnswer = { kind: "unknown", why: "dns", detail: "SERVFAIL" };
const STORE_AWAY: PolicyAnswer = { kind: "unknown", why: "store", detail: "Redis is away" };

const ZONE = {
  "lab.test": { mx: [[10, "mx1.lab.test"]] as [number, string][] },
  "mx1.lab.test": { addresses: ["127.0.0.1"] },
};

/** A delivery of which everything is known: what it asked, and what it told. */
function createTestDelivery(
  change: Partial<DeliveryParts> & { answer?: PolicyAnswer; rule?: Partial<DomainRule> } = {},
) {
  const { answer = ENFORCE, rule = {}, ...others } = change;
  const asked: { domain: string; fresh: boolean }[] = [];
  const told = createRecordedEvents();
  const dns = createZoneResolver(ZONE);
  const base = createParts();
  const parts: DeliveryParts = {
    ...base,
    dns,
    policies: {
      answer(domain, { fresh }) {
        asked.push({ domain, fresh: fresh === true });
        return Promise.resolve(answer);
      },
    },
    ruleOf: () => ({ ...RULE, ...rule }),
    attemptTimeoutMs: 10_000,
    port: 25,
    retry: { scheduleMs: [60_000], lifetimeMs: LIFETIME_MS, jitter: 0, warnAfterMs: LIFETIME_MS },
    random: () => 0.5,
    events: told.events,
    ...others,
  };
  const deliver = createDelivery(parts);
  return {
    asked,
    dns,
    of: told.of,
    run: (job: Parameters<typeof deliver>[0], signal = new AbortController().signal) => deliver(job, signal),
    [Symbol.dispose]: () => base.pool.close(),
  };
}

/** At the end of its life now. */
const OVER = { expiresAt: new Date(Date.now() - 1).toISOString() };

const statesOf = (data: { recipients: { state: string; status?: string }[] }) =>
  data.recipients.map(({ state, status }) => `${state} ${status ?? ""}`.trim());

test("a job whose recipients are all delivered is finished, and nothing of it is left to write", async () => {
  await using hosts = createTestHosts();
  const { port, messages } = await hosts.start("mx1.lab.test");
  using delivery = createTestDelivery({ port });
  const job = createJob({ recipients: waiting("a@lab.test", "b@lab.test") });
  assert.deepEqual(await delivery.run(job), { kind: "finished" });
  assert.deepEqual(messages[0]?.to, ["a@lab.test", "b@lab.test"]);
  assert.deepEqual([job.saved, job.bounces], [[], []]);
  const [told] = delivery.of("delivered");
  assert.deepEqual([told?.to, told?.host], [["a@lab.test", "b@lab.test"], "mx1.lab.test"]);
  assert.match(told?.tls ?? "", /^TLSv1\.3 \S+, verified$/);
  assert.match(delivery.of("attempt")[0]?.required ?? "", /^MTA-STS enforce, policy id 1/);
});

test("a job that must wait comes again at its next time and says why; the policy's violation is transient (STS-VAL-4, STS-VAL-9)", async () => {
  await using hosts = createTestHosts();
  const mx = await hosts.start("mx1.lab.test", {}, "expired");
  const now = Date.now();
  using delivery = createTestDelivery({ port: mx.port, now: () => now });
  const job = createJob();
  assert.deepEqual(await delivery.run(job), { kind: "again", at: now + 60_000 });
  assert.deepEqual([statesOf(job.latest), job.latest.attempt], [["waiting 4.7.5"], 1]);
  assert.match(job.latest.waitingBecause ?? "", /^mx1\.lab\.test: its certificate expired on/);
  assert.deepEqual(
    job.latest.attempts.map(({ host, address }) => [host, address]),
    [["mx1.lab.test", "127.0.0.1"]],
  );
  const [told] = delivery.of("deferred");
  assert.deepEqual(
    [told?.reason, told?.attempt, told?.nextAttemptAt],
    ["policy-violation", 1, new Date(now + 60_000).toISOString()],
  );
  assert.equal(leakedTo(mx), "");
  assert.deepEqual(delivery.asked, [{ domain: "lab.test", fresh: false }]);
});

test("before a message is given up for a policy, the source is asked past its cache, and the newer policy counts (STS-VAL-8)", async () => {
  await using hosts = createTestHosts();
  const { port, messages } = await hosts.start("mx1.lab.test", {}, "expired");
  const answers: PolicyAnswer[] = [];
  using delivery = createTestDelivery({
    port,
    policies: {
      answer: (_, { fresh }) => {
        answers.push(fresh === true ? policyAnswer("none", []) : ENFORCE);
        return Promise.resolve(answers.at(-1) ?? NO_POLICY);
      },
    },
  });
  assert.equal((await delivery.run(createJob())).kind, "again");
  assert.deepEqual(await delivery.run(createJob(OVER)), { kind: "finished" });
  assert.equal(messages.length, 1);
  assert.deepEqual(delivery.dns.asked.at(-1), { type: "addresses", name: "mx1.lab.test", fresh: true });
});

test("the last attempt asks DNS and policy afresh, and its deferral is a failure with a bounce that keeps the security status (STS-VAL-8, RFC 3463)", async () => {
  await using hosts = createTestHosts();
  const mx = await hosts.start("mx1.lab.test", {}, "self-signed");
  using delivery = createTestDelivery({ port: mx.port });
  const job = createJob(OVER);
  assert.deepEqual(await delivery.run(job), { kind: "finished" });
  assert.equal(job.latest.recipients[0]?.cause, "certificate-not-trusted");
  assert.deepEqual(delivery.asked, [{ domain: "lab.test", fresh: true }]);
  assert.ok(delivery.dns.asked.every(({ fresh }) => fresh));
  assert.deepEqual(statesOf(job.latest), ["failed 5.7.5"]);
  assert.equal(job.latest.recipients[0]?.bounced, true);
  const [bounce] = job.bounces;
  assert.deepEqual(bounce?.envelope, { from: "", to: ["sender@lab.test"], smtputf8: false, eightBit: false });
  assert.match(bounce?.data.toString() ?? "", /Status: 5\.7\.5\r\nDiagnostic-Code: .*self-signed/);
  assert.match(bounce?.data.toString() ?? "", /Subject: hello/);
  assert.deepEqual([delivery.of("failed")[0]?.status, delivery.of("bounced")[0]?.to], ["5.7.5", "sender@lab.test"]);
  assert.equal(leakedTo(mx), "");
});

test("a cached policy gives no message up while the DNS cannot be asked for a newer one (STS-VAL-8)", async () => {
  await using hosts = createTestHosts();
  const mx = await hosts.start("mx1.lab.test", {}, "self-signed");
  const unasked: PolicyAnswer = ENFORCE.kind === "policy" ? { ...ENFORCE, recordChecked: "could-not-ask" } : ENFORCE;
  using delivery = createTestDelivery({ port: mx.port, policies: { answer: () => Promise.resolve(unasked) } });
  const job = createJob(OVER);
  assert.equal((await delivery.run(job)).kind, "again");
  assert.deepEqual(statesOf(job.latest), ["waiting 4.7.5"]);
  assert.equal(job.bounces.length, 0);
});

test("a recipient refused for good is bounced at once, and the others go on", async () => {
  await using hosts = createTestHosts();
  const rcpt: MxBehaviour["rcpt"] = (to) =>
    to.startsWith("a") ? "550 5.1.1 nobody" : to.startsWith("b") ? "450 4.2.1 later" : undefined;
  const { port } = await hosts.start("mx1.lab.test", { rcpt });
  using delivery = createTestDelivery({ port });
  const job = createJob({ recipients: waiting("a@lab.test", "b@lab.test", "c@lab.test") });
  assert.equal((await delivery.run(job)).kind, "again");
  assert.deepEqual(statesOf(job.latest), ["failed 5.1.1", "waiting 4.2.1", "delivered 2.0.0"]);
  assert.equal(job.bounces.length, 1);
  assert.match(job.bounces[0]?.data.toString() ?? "", /a@lab\.test/);
  assert.doesNotMatch(job.bounces[0]?.data.toString() ?? "", /[bc]@lab\.test/);
});

test("a job that is run again skips the recipients that are done, and reports each failure once", async () => {
  await using hosts = createTestHosts();
  const mx = await hosts.start("mx1.lab.test");
  using delivery = createTestDelivery({ port: mx.port });
  const done = [
    { address: "a@lab.test", state: "delivered" as const },
    { address: "b@lab.test", state: "failed" as const, status: "5.1.1", detail: "nobody", bounced: true },
  ];
  const job = createJob({ recipients: [...done, ...waiting("c@lab.test")] });
  assert.deepEqual(await delivery.run(job), { kind: "finished" });
  assert.deepEqual(
    mx.messages.map(({ to }) => to),
    [["c@lab.test"]],
  );
  assert.deepEqual(job.bounces, []);

  // Broken off between the last outcome and its report.
  const unfinished = createJob({
    recipients: [{ address: "b@lab.test", state: "failed", status: "5.1.1", detail: "nobody" }],
  });
  assert.deepEqual(await delivery.run(unfinished), { kind: "finished" });
  assert.equal(unfinished.bounces.length, 1);
  assert.equal(mx.messages.length, 1);
});

test("what a host accepted is saved before the next recipients are sent to", async () => {
  await using hosts = createTestHosts();
  const states: string[][] = [];
  const job = createJob({ recipients: waiting("a@lab.test", "b@lab.test", "c@lab.test") });
  const mail: MxBehaviour["mail"] = () => {
    states.push(statesOf(job.latest));
    return undefined;
  };
  const { port } = await hosts.start("mx1.lab.test", { mail });
  using delivery = createTestDelivery({ port, recipientsPerTransaction: 1 });
  await delivery.run(job);
  assert.deepEqual(states, [
    ["waiting", "waiting", "waiting"],
    ["delivered 2.0.0", "waiting", "waiting"],
    ["delivered 2.0.0", "delivered 2.0.0", "waiting"],
  ]);
});

test("a failed message from the null sender gets no bounce (RFC 5321 section 6.1)", async () => {
  await using hosts = createTestHosts();
  const { port } = await hosts.start("mx1.lab.test", { rcpt: () => "550 5.1.1 nobody" });
  using delivery = createTestDelivery({ port });
  const job = createJob({ from: "" });
  assert.deepEqual(await delivery.run(job), { kind: "finished" });
  assert.deepEqual(job.bounces, []);
  assert.deepEqual(delivery.of("bounceDropped")[0]?.recipients, ["user@lab.test"]);
});

test("a message whose text is lost is reported to the sender and never tried again", async () => {
  using delivery = createTestDelivery();
  const job = { ...createJob(), readBody: () => Promise.resolve(undefined) };
  assert.deepEqual(await delivery.run(job), { kind: "finished" });
  assert.match(job.bounces[0]?.data.toString() ?? "", /Status: 5\.3\.0/);
  assert.equal(delivery.of("bodyMissing").length, 1);
  assert.deepEqual(delivery.dns.asked, []);
});

test("when a policy cannot be found out the operator's setting decides, and only the DNS may be given up waiting for (STS-TXT-7)", async () => {
  await using hosts = createTestHosts();
  const { port } = await hosts.start("mx1.lab.test");
  const waited = { acceptedAt: new Date(Date.now() - 700_000).toISOString() };
  const proceed = { onDiscoveryFailure: { action: "proceed", deferForMs: 600_000 } } as const;
  const cases: [string, PolicyAnswer, Partial<DomainRule>, object, "finished" | "again"][] = [
    ["defer", DNS_AWAY, {}, {}, "again"],
    ["defer, but long enough", DNS_AWAY, {}, waited, "finished"],
    ["proceed", DNS_AWAY, proceed, {}, "finished"],
    ["proceed, and the store is away", STORE_AWAY, proceed, {}, "again"],
    ["long enough, and the store is away", STORE_AWAY, {}, waited, "again"],
    ["required", DNS_AWAY, { ...proceed, mtaSts: "require" }, waited, "again"],
  ];
  for (const [what, answer, rule, age, expected] of cases) {
    using delivery = createTestDelivery({ port, answer, rule });
    const job = createJob(age);
    assert.equal((await delivery.run(job)).kind, expected, what);
    assert.equal(delivery.of("proceedingWithoutPolicy").length, expected === "finished" ? 1 : 0, what);
    if (expected === "again") assert.deepEqual(statesOf(job.latest), ["waiting 4.7.5"], what);
  }
});

test("the operator's rule `disable` asks for no policy, `require` delivers under none but one (STS-VAL-7)", async () => {
  await using hosts = createTestHosts();
  const { port } = await hosts.start("mx1.lab.test", { starttls: "absent" });
  using disabled = createTestDelivery({ port, rule: { mtaSts: "disable" } });
  assert.equal((await disabled.run(createJob())).kind, "finished");
  assert.deepEqual(disabled.asked, []);
  for (const answer of [NO_POLICY, policyAnswer("none", [])]) {
    using required = createTestDelivery({ port, rule: { mtaSts: "require" }, answer });
    const job = createJob();
    assert.equal((await required.run(job)).kind, "again");
    assert.match(job.latest.waitingBecause ?? "", /requires an MTA-STS policy/);
  }
});

test("a domain that does not exist ends a message at once, unless it has a policy, or may have one", async () => {
  const cases: [PolicyAnswer, string][] = [
    [NO_POLICY, "failed 5.1.2"],
    [ENFORCE, "waiting 4.1.2"],
    [DNS_AWAY, "waiting 4.1.2"],
    [STORE_AWAY, "waiting 4.1.2"],
  ];
  for (const [answer, expected] of cases) {
    using delivery = createTestDelivery({ answer, dns: createZoneResolver({}) });
    const job = createJob();
    await delivery.run(job);
    assert.deepEqual(statesOf(job.latest), [expected]);
  }
});

test("a domain that takes no mail ends a message, and one whose DNS is away makes it wait", async () => {
  using refusing = createTestDelivery({ dns: createZoneResolver({ "lab.test": { mx: [[0, ""]] } }) });
  const refused = createJob();
  await refusing.run(refused);
  assert.deepEqual(statesOf(refused.latest), ["failed 5.1.10"]);
  using lost = createTestDelivery({ dns: createZoneResolver({ "lab.test": { mx: "servfail" } }) });
  const put = createJob();
  assert.equal((await lost.run(put)).kind, "again");
  assert.deepEqual(statesOf(put.latest), ["waiting 4.4.3"]);
});

test("mail to a subdomain asks for the subdomain's policy alone, an address literal for none (STS-TXT-8)", async () => {
  await using hosts = createTestHosts();
  const { port } = await hosts.start("mx1.lab.test");
  const dns = createZoneResolver({ ...ZONE, "sub.lab.test": { addresses: ["127.0.0.1"] } });
  const cases = { "sub.lab.test": ["sub.lab.test"], "[127.0.0.1]": [] };
  for (const [domain, expected] of Object.entries(cases)) {
    using delivery = createTestDelivery({ port, dns, answer: NO_POLICY });
    const job = createJob({ domain, recipients: waiting(`user@${domain}`) });
    assert.deepEqual(await delivery.run(job), { kind: "finished" }, domain);
    assert.deepEqual(
      delivery.asked.map((question) => question.domain),
      expected,
    );
  }
});

test("mail by a smart host asks for the smart host's policy, and its host must keep it (STS-TXT-9)", async () => {
  await using hosts = createTestHosts();
  const mx = await hosts.start("mx1.lab.test", {}, "wrong-name");
  const smartHost = { host: "mx1.lab.test", port: mx.port, tls: "starttls" } as const;
  using delivery = createTestDelivery({ rule: { route: smartHost } });
  assert.equal((await delivery.run(createJob({ domain: "other.test" }))).kind, "again");
  assert.deepEqual(
    delivery.asked.map(({ domain }) => domain),
    ["mx1.lab.test"],
  );
  assert.equal(leakedTo(mx), "");
});

test("a smart host's password needs verified TLS, also where no policy asks for it", async () => {
  await using hosts = createTestHosts();
  const mx = await hosts.start("mx1.lab.test", {}, "self-signed");
  const login = { user: "me", password: "secret" };
  for (const [answer, mtaSts] of [
    [NO_POLICY, "optional"],
    [policyAnswer("testing", ["mx1.lab.test"]), "optional"],
    [ENFORCE, "disable"],
  ] as const) {
    const route = { host: "mx1.lab.test", port: mx.port, tls: "starttls", login } as const;
    using delivery = createTestDelivery({ answer, rule: { mtaSts, route } });
    assert.equal((await delivery.run(createJob())).kind, "again");
    assert.match(delivery.of("attempt")[0]?.required ?? "", /because a password is sent/);
  }
  assert.equal(leakedTo(mx), "");
});

test("when the relay stops, what was accepted is kept and told, and the rest goes back as it was: no attempt is counted", async () => {
  await using hosts = createTestHosts();
  const stop = new AbortController();
  const mail: MxBehaviour["mail"] = () => {
    if (mx.messages.length === 1) stop.abort();
    return undefined;
  };
  const mx = await hosts.start("mx1.lab.test", { mail });
  using delivery = createTestDelivery({ port: mx.port, recipientsPerTransaction: 1 });
  const job = createJob({ ...OVER, recipients: waiting("a@lab.test", "b@lab.test") });
  assert.equal((await delivery.run(job, stop.signal)).kind, "again");
  assert.deepEqual(statesOf(job.latest), ["delivered 2.0.0", "waiting"]);
  assert.equal(job.latest.attempt, 0);
  assert.deepEqual(job.bounces, []);
  assert.deepEqual(
    delivery.of("delivered").map(({ to }) => to),
    [["a@lab.test"]],
  );
  assert.deepEqual([delivery.of("failed"), delivery.of("deferred")], [[], []]);
});

test("a job that is started while the relay stops is left as it is", async () => {
  await using hosts = createTestHosts();
  const mx = await hosts.start("mx1.lab.test");
  using delivery = createTestDelivery({ port: mx.port });
  const job = createJob();
  assert.equal((await delivery.run(job, AbortSignal.abort())).kind, "again");
  assert.deepEqual(job.latest, job.data);
  assert.equal(mx.messages.length, 0);
});

test("of a delivery the sender is told who asked, and with Redis away for the report nobody gets the message twice (RFC 3461 section 5.2.2)", async () => {
  await using hosts = createTestHosts();
  const mx = await hosts.start("mx1.lab.test");
  using delivery = createTestDelivery({ port: mx.port });
  const job = createJob({ recipients: [{ address: "a@lab.test", state: "waiting", notify: ["SUCCESS"] }] });
  const away = { ...job, addBounce: () => Promise.reject(new Error("Redis is away")) };
  await assert.rejects(delivery.run(away), /Redis is away/);
  assert.deepEqual(statesOf(job.latest), ["delivered 2.0.0"]);
  const again = { ...job, data: job.latest };
  assert.deepEqual(await delivery.run(again), { kind: "finished" });
  assert.deepEqual([mx.messages.length, job.bounces.length], [1, 1]);
  assert.match(
    job.bounces[0]?.data.toString() ?? "",
    /Action: relayed\r\nStatus: 2\.0\.0\r\nRemote-MTA: dns; mx1\.lab\.test/,
  );
  assert.deepEqual(
    delivery.of("reported").map(({ action }) => action),
    ["relayed"],
  );
  assert.deepEqual(await delivery.run({ ...job, data: job.latest }), { kind: "finished" });
  assert.equal(job.bounces.length, 1);
});

test("a late message whose hosts are left alone this time is not tried, and its sender is told", async () => {
  await using hosts = createTestHosts();
  const mx = await hosts.start("mx1.lab.test");
  const outcome = deferral("unreachable", "4.4.1", "not tried: lab.test could not be reached lately");
  const ended: unknown[] = [];
  const now = Date.now() + 60_000;
  using delivery = createTestDelivery({
    port: mx.port,
    now: () => now,
    untried: () => outcome,
    onEnded: (...what) => void ended.push(what),
    retry: { scheduleMs: [60_000], lifetimeMs: LIFETIME_MS, jitter: 0, warnAfterMs: 0 },
  });
  const job = createJob();
  assert.equal((await delivery.run(job)).kind, "again");
  assert.deepEqual([mx.sessions.length, ended.length, delivery.dns.asked.length], [0, 0, 0]);
  assert.match(job.bounces[0]?.data.toString() ?? "", /Action: delayed/);
  assert.notEqual(job.latest.delayReportedAt, undefined);
  assert.deepEqual(job.history.at(-1), {
    kind: "report",
    at: job.latest.delayReportedAt,
    domain: "lab.test",
    report: job.bounces[0]?.id,
    to: "sender@lab.test",
    recipients: ["user@lab.test"],
    actions: ["delayed"],
  });
});

test("an attempt that takes too long ends as a deferral", async () => {
  await using hosts = createTestHosts();
  const { port } = await hosts.start("mx1.lab.test", { greeting: "never" });
  using delivery = createTestDelivery({ port, attemptTimeoutMs: 50 });
  const job = createJob();
  assert.equal((await delivery.run(job)).kind, "again");
  assert.equal(job.latest.attempt, 1);
  assert.match(job.latest.waitingBecause ?? "", /the attempt was broken off/);
});

test("a violation in testing mode is told with the message and its domain, and the message delivered (STS-VAL-6)", async () => {
  await using hosts = createTestHosts();
  const { port } = await hosts.start("mx1.lab.test", {}, "expired");
  using delivery = createTestDelivery({ port, answer: policyAnswer("testing", ["mx1.lab.test"]) });
  assert.deepEqual(await delivery.run(createJob()), { kind: "finished" });
  const [told] = delivery.of("violation");
  assert.deepEqual(
    [told?.message, told?.domain, told?.host, told?.resultType],
    ["m1", "lab.test", "mx1.lab.test", "certificate-expired"],
  );
});
