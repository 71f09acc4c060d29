/** Finding and keeping policies, over real DNS and HTTPS. RFC 8461 sections 3 and 5.1. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { policyText, START, startPolicyWorld } from "./support/policy-world.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const D = "d.example";

test("a policy is found by the TXT record at _mta-sts, through a CNAME too (STS-TXT-1, STS-GET-1)", async () => {
  await using world = await startPolicyWorld();
  world.publish(D, "1", policyText());
  world.dns.remove(`_mta-sts.${D}`);
  world.dns.set(`_mta-sts.${D}`, "CNAME", ["_mta-sts.provider.example"]);
  world.dns.set("_mta-sts.provider.example", "TXT", [["v=STSv1; id=abc;"]]);
  const answer = await world.source().answer(D);
  const known = {
    domain: D,
    id: "abc",
    policy: { mode: "enforce" as const, mx: ["mail.d.example"], maxAgeSeconds: 86_400 },
    text: policyText(),
    fetchedAt: START,
    expiresAt: START + DAY,
  };
  assert.deepEqual(answer, { kind: "policy", known, recordChecked: "fetched" });
  assert.deepEqual(world.events, [{ kind: "found", known }]);
  assert.equal(world.dns.queries[0]?.name, "_mta-sts.d.example");
  // The policy host stays that of the policy domain. RFC 8461 section 8.2.
  assert.equal(world.fetches(D), 1);
});

test("the character-strings of a record are joined with nothing between them (STS-TXT-2)", async () => {
  await using world = await startPolicyWorld();
  world.publish(D, "1", policyText());
  world.dns.set(`_mta-sts.${D}`, "TXT", [["v=STS", "v1; id=1", "23"], ["unrelated"]]);
  const answer = await world.source().answer(D);
  assert.equal(answer.kind === "policy" && answer.known.id, "123");
});

test("two records, or a malformed one, are no record (STS-TXT-3, STS-TXT-4)", async () => {
  await using world = await startPolicyWorld();
  world.publish(D, "1", policyText());
  const source = world.source();
  world.dns.set(`_mta-sts.${D}`, "TXT", [["v=STSv1; id=1"], ["v=STSv1; id"]], { ttl: 0 });
  const bad = { kind: "none", because: "bad-record", detail: "2 MTA-STS records, there must be one" };
  assert.deepEqual(await source.answer(D), bad);
  assert.deepEqual(await source.answer(D), bad);
  world.dns.set(`_mta-sts.${D}`, "TXT", [["v=STSv1; id=x-y"]], { ttl: 0 });
  assert.equal((await source.answer(D)).kind, "none");
  const told = world.events.map((event) => event.kind === "record-unusable" && event.detail);
  assert.deepEqual(told, [bad.detail, 'id "x-y" is not 1 to 32 letters and digits'], "told once an hour each");
  assert.equal(world.fetches(D), 0);
});

test("a record that is gone, unusable or not to be had removes no policy in force (STS-TXT-6, STS-CACHE-1)", async () => {
  await using world = await startPolicyWorld();
  world.publish(D, "1", policyText());
  const source = world.source();
  await source.answer(D);
  const name = `_mta-sts.${D}`;
  const troubles: [what: string, cause: () => void, afterwards: string][] = [
    ["SERVFAIL", () => world.dns.behave(name, "TXT", "servfail"), "unknown(dns)"],
    ["no reply", () => world.dns.behave(name, "TXT", "drop"), "unknown(dns)"],
    ["another text", () => world.dns.set(name, "TXT", [["v=spf1 -all"]], { ttl: 0 }), "none(no-record)"],
    [
      "two records",
      () => world.dns.set(name, "TXT", [["v=STSv1; id=1"], ["v=STSv1; id=2"]], { ttl: 0 }),
      "none(bad-record)",
    ],
    // Last, because the resolver remembers it.
    ["NXDOMAIN", () => world.dns.behave(name, "TXT", "nxdomain"), "none(no-record)"],
  ];
  for (const [what, cause, afterwards] of troubles) {
    world.dns.behave(name, "TXT", undefined);
    cause();
    world.now = START + DAY - 1;
    const used = await source.answer(D);
    const checked = afterwards === "unknown(dns)" ? "could-not-ask" : "unavailable";
    assert.equal(used.kind === "policy" && used.recordChecked, checked, what);
    // And not a moment longer than max_age after the fetch.
    world.now = START + DAY;
    const then = await source.answer(D);
    const reason = then.kind === "none" ? then.because : then.kind === "unknown" ? then.why : "";
    assert.equal(`${then.kind}(${reason})`, afterwards, what);
  }
  assert.equal(world.fetches(D), 1);
});

test('"there is none" and "could not ask" are different answers (STS-TXT-7)', async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.dns.set("_mta-sts.nodata.example", "A", ["192.0.2.1"]);
  for (const domain of ["nxdomain.example", "nodata.example"]) {
    const none = { kind: "none", because: "no-record", detail: "no MTA-STS record" };
    assert.deepEqual(await source.answer(domain), none);
  }
  for (const behaviour of ["servfail", "refused", "drop", "formerr"] as const) {
    const domain = `${behaviour}.example`;
    world.dns.behave(`_mta-sts.${domain}`, "TXT", behaviour);
    const answer = await source.answer(domain);
    assert.equal(answer.kind === "unknown" && answer.why, "dns", behaviour);
  }
});

test("the policy of a parent domain is not that of its subdomain (STS-TXT-8)", async () => {
  await using world = await startPolicyWorld();
  world.publish(D, "1", policyText());
  const answer = await world.source().answer("sub.d.example");
  assert.equal(answer.kind === "none" && answer.because, "no-record");
  assert.deepEqual(
    world.dns.queries.map(({ name }) => name),
    ["_mta-sts.sub.d.example"],
  );
});

test("address literals and what is no host name have no policy, and nobody is asked (STS-TXT-8)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  for (const domain of [
    "[192.0.2.1]",
    "[IPv6:2001:db8::1]",
    "192.0.2.1",
    "",
    "a..example",
    "x y.example",
    "a/b.example",
  ]) {
    const answer = await source.answer(domain);
    assert.equal(answer.kind === "none" && answer.because, "not-a-domain", domain);
    await source.refresh(domain);
  }
  // A domain so long that its record could not even be named.
  const long = `${"a".repeat(60)}.`.repeat(4).slice(0, 240) + ".example";
  assert.equal((await source.answer(long)).kind, "none");
  assert.deepEqual(world.dns.queries, []);
});

test("the policy domain is the one asked for: of a smart host, its own (STS-TXT-9)", async () => {
  await using world = await startPolicyWorld();
  world.publish(D, "1", policyText());
  world.publish("smart.example", "9", policyText("testing", 600, "relay.smart.example"));
  const answer = await world.source().answer("Smart.Example.");
  assert.equal(answer.kind === "policy" && answer.known.domain, "smart.example");
  assert.deepEqual([world.fetches("smart.example"), world.fetches(D)], [1, 0]);
});

test("a policy in force is used without a fetch as long as its record id stays (STS-CACHE-1, STS-CACHE-2)", async () => {
  await using world = await startPolicyWorld();
  world.publish(D, "1", policyText());
  const source = world.source();
  await source.answer(D);
  world.now += DAY - 1;
  const answer = await source.answer(D);
  assert.equal(answer.kind === "policy" && answer.recordChecked, "same");
  assert.equal(world.fetches(D), 1);
  world.now += 1;
  const renewed = await source.answer(D);
  assert.equal(renewed.kind === "policy" && renewed.recordChecked, "fetched");
  assert.equal(world.events.at(-1)?.kind, "renewed");
});

test("another record id fetches anew, letter case counting; the same text renews the life too (STS-CACHE-2)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "a", policyText());
  await source.answer(D);
  world.now += 1_000;
  world.publish(D, "A", policyText());
  const renewed = await source.answer(D);
  assert.equal(renewed.kind === "policy" && renewed.recordChecked, "fetched");
  assert.equal(world.store.policies.get(D)?.expiresAt, START + 1_000 + DAY);
  world.publish(D, "b", policyText("testing"));
  const changed = await source.answer(D);
  assert.equal(changed.kind === "policy" && changed.known.policy.mode, "testing");
  assert.deepEqual(
    world.events.map(({ kind }) => kind),
    ["found", "renewed", "changed"],
  );
});

test("when the fetch for another id fails, the policy in force stays (STS-CACHE-2, STS-POL-5)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText());
  await source.answer(D);
  world.publish(D, "2", "version: STSv1\nmode: none\n");
  const answer = await source.answer(D);
  const failure = { resultType: "sts-policy-invalid", detail: "the policy of mta-sts.d.example: no max_age" };
  const known = world.store.policies.get(D);
  assert.deepEqual(answer, { kind: "policy", known, recordChecked: "changed-fetch-failed", failure });
  assert.equal(known?.id, "1");
  assert.deepEqual(world.events.at(-1), { kind: "fetch-failed", domain: D, id: "2", failure, cached: known });
  // And within the pause without another fetch.
  assert.deepEqual(await source.answer(D), answer);
  assert.equal(world.fetches(D), 2);
});

test("after a failed fetch nobody fetches for that id for five minutes; another id at once (STS-GET-7)", async () => {
  await using world = await startPolicyWorld();
  const [one, two] = [world.source(), world.source()];
  world.publishBroken(D, "1");
  await one.answer(D);
  world.now = START + 5 * MINUTE - 1;
  for (const source of [one, two]) {
    const answer = await source.answer(D);
    assert.equal(answer.kind === "none" && answer.because, "fetch-failed");
    // Only a policy in force is a reason to look again before giving up.
    await source.answer(D, { fresh: true });
  }
  assert.equal(world.fetches(D), 1);
  world.publishBroken(D, "2");
  await two.answer(D);
  assert.equal(world.fetches(D), 2);
  world.now += 5 * MINUTE;
  await two.answer(D);
  assert.equal(world.fetches(D), 3);
  world.now += 5 * MINUTE;
  await one.answer(D);
  assert.equal(world.fetches(D), 3, "the pause grows");
  world.now += 5 * MINUTE;
  world.publish(D, "2", policyText());
  assert.equal((await one.answer(D)).kind, "policy");
  assert.equal(world.store.failures.size, 0);
});

test("a record without a policy to be had is no policy, with the reason for the report (STS-GET-8)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publishBroken(D, "1");
  world.publish("nohost.example", "1", policyText());
  world.dns.remove("mta-sts.nohost.example");
  world.publish("mute.example", "1", policyText());
  world.dns.behave("mta-sts.mute.example", "A", "servfail");
  const details = {
    [D]: "mta-sts.d.example: it answered with status 503",
    "nohost.example": "mta-sts.nohost.example: it has no address",
    // What the DNS did not say of the policy host is a failed fetch.
    "mute.example": "mta-sts.mute.example: its address could not be found out (servfail)",
  };
  for (const [domain, detail] of Object.entries(details)) {
    const failure = { resultType: "sts-policy-fetch-error", detail };
    assert.deepEqual(await source.answer(domain), { kind: "none", because: "fetch-failed", detail, failure });
    assert.deepEqual(world.events.pop(), { kind: "fetch-failed", domain, id: "1", failure, cached: undefined });
  }
});

test("max_age 0 serves the delivery at hand and is not kept, nor is what it replaces (STS-POL-2)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText("enforce", 0));
  const answer = await source.answer(D);
  assert.equal(answer.kind === "policy" && answer.known.policy.mode, "enforce");
  assert.equal(world.store.policies.size, 0);
  await source.answer(D);
  assert.equal(world.fetches(D), 2);

  world.publish("e.example", "1", policyText());
  await source.answer("e.example");
  world.publish("e.example", "2", policyText("testing", 0));
  await source.answer("e.example");
  world.publishBroken("e.example", "3");
  const then = await source.answer("e.example");
  assert.equal(then.kind === "none" && then.because, "fetch-failed", "the first policy does not come back");
});

test("a policy is kept for other processes and the next start (STS-CACHE-4)", async () => {
  await using world = await startPolicyWorld();
  world.publish(D, "1", policyText());
  await world.source().answer(D);
  world.publishBroken(D, "1");
  const answer = await world.source().answer(D);
  assert.equal(answer.kind === "policy" && answer.recordChecked, "same");
});

test("a policy that is weaker than the one before raises an event that says so (STS-CACHE-5)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText("testing"));
  await source.answer(D);
  const texts: [text: string, weaker: string | undefined][] = [
    [policyText("enforce"), undefined],
    [
      policyText("enforce", 86_400, "other.d.example"),
      "mx no longer permitted: mail.d.example; mx newly permitted: other.d.example",
    ],
    [policyText("testing", 86_400, "other.d.example"), "mode goes from enforce to testing"],
    [policyText("none"), "mode goes from testing to none"],
  ];
  for (const [index, [text, weaker]] of texts.entries()) {
    world.publish(D, `${index + 2}`, text);
    await source.answer(D);
    const event = world.events.at(-1);
    assert.equal(event?.kind, "changed");
    assert.equal(event?.kind === "changed" && event.weaker, weaker);
  }
});

test("mode none is a policy that asks for nothing, kept like any other (STS-VAL-7)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", "version: STSv1\nmode: none\nmax_age: 86400\n");
  const answer = await source.answer(D);
  assert.deepEqual(answer.kind === "policy" && answer.known.policy, { mode: "none", mx: [], maxAgeSeconds: 86_400 });
  await source.answer(D);
  assert.equal(world.fetches(D), 1);
});

test("before a message is given up the DNS is asked past its cache, and a newer policy applied (STS-VAL-8)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText(), 3_600);
  await source.answer(D);
  world.publish(D, "2", policyText("none"), 3_600);
  const cached = await source.answer(D);
  assert.equal(cached.kind === "policy" && cached.known.id, "1");
  const fresh = await source.answer(D, { fresh: true });
  assert.equal(fresh.kind === "policy" && `${fresh.recordChecked} ${fresh.known.policy.mode}`, "fetched none");
});

test("before a message is given up the pause after a failed fetch does not count (STS-VAL-8)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText());
  await source.answer(D);
  world.publishBroken(D, "2");
  const failed = await source.answer(D);
  assert.equal(failed.kind === "policy" && failed.recordChecked, "changed-fetch-failed");
  world.now += 1_000;
  const again = await source.answer(D, { fresh: true });
  assert.equal(again.kind === "policy" && again.recordChecked, "changed-fetch-failed");
  assert.equal(world.fetches(D), 3);
  world.publish(D, "2", policyText("none"));
  const mended = await source.answer(D, { fresh: true });
  assert.equal(mended.kind === "policy" && mended.known.policy.mode, "none");
  // Whether there is a newer one may also be beyond finding out: then that is the answer.
  world.dns.down();
  const dark = await source.answer(D, { fresh: true });
  assert.equal(dark.kind === "policy" && dark.recordChecked, "could-not-ask");
});
