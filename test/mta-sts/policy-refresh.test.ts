/** Keeping policies fresh without mail. RFC 8461 sections 3.3 and 10.2. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { policyText, START, startPolicyWorld } from "./support/policy-world.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WEEK_SECONDS = 604_800;
const D = "d.example";

test("a policy is refreshed after a day without mail, whatever its record id says (STS-CACHE-3)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText("enforce", WEEK_SECONDS));
  await source.answer(D);
  assert.equal(world.store.refreshes.get(D), START + DAY);

  world.now = START + DAY - 1;
  assert.equal(await source.refreshDue(), 0);
  world.now = START + DAY;
  world.publish(D, "1", policyText("testing", WEEK_SECONDS));
  assert.equal(await source.refreshDue(), 1);
  assert.equal(world.store.policies.get(D)?.policy.mode, "testing");
  assert.equal(world.store.policies.get(D)?.expiresAt, START + 8 * DAY);
  assert.equal(world.store.refreshes.get(D), START + 2 * DAY);
  assert.equal(await source.refreshDue(), 0);
  assert.equal(world.fetches(D), 2);
});

test("the record is asked for past the cache, and its new id kept (STS-CACHE-3)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText(), 3_600);
  await source.answer(D);
  world.now += 1;
  world.publish(D, "2", policyText(), 3_600);
  await source.refresh(D);
  assert.equal(world.store.policies.get(D)?.id, "2");
});

test("a failed refresh is told, and changes nothing that is cached (STS-CACHE-3, STS-TXT-6)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText("enforce", WEEK_SECONDS));
  await source.answer(D);
  const cached = world.store.policies.get(D);
  const broken: [cause: () => void, detail: string, resultType?: string][] = [
    [() => world.publishBroken(D, "1"), "mta-sts.d.example: it answered with status 503", "sts-policy-fetch-error"],
    [
      () => world.publish(D, "1", "version: STSv2\n"),
      "the policy of mta-sts.d.example: line 1: version is not STSv1",
      "sts-policy-invalid",
    ],
    [() => world.dns.set(`_mta-sts.${D}`, "TXT", [["v=STSv1; id"]], { ttl: 0 }), 'field "id" is not "name=value"'],
    [() => world.dns.remove(`_mta-sts.${D}`), "its MTA-STS record is gone"],
  ];
  for (const [cause, detail, resultType] of broken) {
    cause();
    world.now += DAY;
    world.events.length = 0;
    await source.refreshDue();
    const more = {
      ...(detail.endsWith("is gone") ? { recordGone: true } : {}),
      ...(resultType === undefined ? {} : { failure: { resultType, detail } }),
    };
    assert.deepEqual(world.events, [{ kind: "refresh-failed", domain: D, detail, cached, ...more }]);
    assert.equal(world.store.policies.get(D), cached);
    assert.equal(world.store.refreshes.get(D), world.now + HOUR, "tried again in an hour");
  }
});

test("a refresh needs no answer from the DNS about the record: HTTPS proves the policy (STS-CACHE-3)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText());
  await source.answer(D);
  world.now += HOUR;
  world.dns.behave(`_mta-sts.${D}`, "TXT", "servfail");
  await source.refresh(D);
  assert.equal(world.store.policies.get(D)?.fetchedAt, START + HOUR);
  assert.equal(world.store.policies.get(D)?.id, "1");
});

test("a failed refresh of a policy in mode none comes with that mode, so that nobody is alerted (STS-CACHE-3, STS-VAL-7)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText("none"));
  await source.answer(D);
  world.publishBroken(D, "1");
  await source.refresh(D);
  const event = world.events.at(-1);
  assert.equal(event?.kind === "refresh-failed" && event.cached.policy.mode, "none");
});

test("a policy that has expired is not refreshed for ever, and a domain without one not at all (STS-CACHE-3)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText("enforce", 3_600));
  await source.answer(D);
  world.now += DAY;
  assert.equal(await source.refreshDue(), 1);
  assert.equal(world.fetches(D), 1);
  await source.refresh("unheard-of.example");
  assert.deepEqual(
    world.events.map(({ kind }) => kind),
    ["found"],
  );
});

test("by hand, a domain's policy is fetched before any mail, and past the pause (STS-CACHE-3)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publishBroken(D, "1");
  await source.refresh(D);
  assert.equal(world.events.at(-1)?.kind, "fetch-failed");
  world.publish(D, "1", policyText());
  world.now += 1;
  await source.refresh(D);
  assert.equal(world.store.policies.get(D)?.id, "1");
});

test("due policies are refreshed a few at a time, but all of them (STS-CACHE-3)", async () => {
  await using world = await startPolicyWorld();
  const source = world.source({ refreshConcurrency: 3 });
  const domains = Array.from({ length: 12 }, (_, index) => `d${index}.example`);
  for (const domain of domains) world.publish(domain, "1", policyText());
  await Promise.all(domains.map((domain) => source.answer(domain)));
  const held: (() => void)[] = [];
  let arrived = 0;
  let asked: number | undefined;
  for (const domain of domains) {
    world.publishBroken(domain, "1", (_request, response) => {
      held.push(() => response.writeHead(200, { "content-type": "text/plain" }).end(policyText()));
      if (++arrived < 3) return;
      // A fourth would have asked the DNS by now.
      asked ??= world.dns.queries.filter(({ type }) => type === "TXT").length;
      for (const release of held.splice(0)) release();
    });
  }
  world.now += DAY / 2;
  world.dns.queries.length = 0;
  assert.equal(await source.refreshDue(), 12);
  assert.equal(asked, 3);
  for (const domain of domains) assert.equal(world.store.policies.get(domain)?.fetchedAt, world.now, domain);
});

test("a due policy is refreshed by one process (STS-CACHE-3, STS-GET-10)", async () => {
  await using world = await startPolicyWorld();
  const [one, two] = [world.source(), world.source()];
  const domains = ["a.example", "b.example", "c.example"];
  for (const domain of domains) world.publish(domain, "1", policyText());
  await Promise.all(domains.map((domain) => one.answer(domain)));
  world.now += DAY / 2;
  const looked = await Promise.all([one.refreshDue(), two.refreshDue()]);
  assert.equal(looked[0] + looked[1], 3);
  for (const domain of domains) assert.equal(world.fetches(domain), 2);
});

test("an abort ends the refreshing, and a store that is away is told to who asked", async () => {
  await using world = await startPolicyWorld();
  const source = world.source();
  world.publish(D, "1", policyText());
  await source.answer(D);
  world.now += DAY / 2;
  const stop = new AbortController();
  world.publishBroken(D, "1", () => stop.abort(new Error("draining")));
  await assert.rejects(source.refreshDue(stop.signal), /draining/);
  world.store.failing.reads = true;
  await assert.rejects(source.refreshDue(stop.signal), /draining/, "nothing is taken that will not be done");
  await assert.rejects(source.refreshDue(), { code: "STORE_AWAY" });
});
