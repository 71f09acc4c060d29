/** Exceptions that an operator sets while the relay runs. */
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startLab } from "../../src/lab/lab.ts";
import { connect } from "../../src/store/connection.ts";
import { createRuleStore } from "../../src/store/rules.ts";
import { socketPathFor } from "../../src/store/socket-path.ts";
import type { ExceptionRule } from "../../src/tls/exception.ts";
import { until } from "../store/support.ts";
import { startTcpRedis } from "../support/tcp-redis.ts";
import { startTestRelay, type TestRelay } from "../support/relay.ts";

const BROKEN = "expired.test";
const GOOD = "good-enforce.test";

const DISABLE: ExceptionRule = { kind: "mta-sts", rule: "disable" };

test("a held message leaves within 2 seconds of an exception, which is named in the log and ends by itself", async () => {
  await using lab = await startLab({ only: [BROKEN] });
  await using relay = await startTestRelay(lab);
  await using rules = await openRules(relay);
  const held = await relay.submit(`user@${BROKEN}`);
  assert.equal((await relay.settled(held, BROKEN)).outcome, "deferred");

  const setAt = Date.now();
  const until = setAt + 2_500;
  await rules.set(BROKEN, DISABLE, until);
  const delivered = await relay.logged("delivered", { message: held });
  assert.ok(Date.now() - setAt < 2_000, `${Date.now() - setAt} ms`);
  assert.match(String(delivered["tls"]), /not verified/);
  const named = /exception: rule disable, set by anna@mail until .* UTC: their certificate ran out/;
  assert.match(String(delivered["required"]), named);
  const set = await relay.logged("rule-set");
  assert.deepEqual([set["domain"], set["setBy"], set["rule"]], [BROKEN, "anna@mail", "disable"]);

  const ended = await relay.logged("rule-ended", { domain: BROKEN });
  assert.equal(ended["until"], new Date(until).toISOString());
  assert.deepEqual(await rules.list(), []);
  assert.equal((await relay.send(`user@${BROKEN}`)).outcome, "deferred");
});

test("each kind of exception does what it says: require, testing, pinned hosts, and taken back", async () => {
  await using lab = await startLab({ only: [BROKEN, GOOD, "no-policy.test"] });
  await using relay = await startTestRelay(lab);
  await using rules = await openRules(relay);
  const cases: [string, ExceptionRule, outcome: string, tls: string, reason: RegExp][] = [
    ["no-policy.test", { kind: "mta-sts", rule: "require" }, "deferred", "none", /requires an MTA-STS policy/],
    [BROKEN, { kind: "mta-sts", rule: "testing" }, "delivered", "encrypted", /not verified/],
    [GOOD, { kind: "pin", mx: ["mx.other.test"] }, "deferred", "none", /lets mail go to mx\.other\.test only/],
    [GOOD, { kind: "pin", mx: [`mx.${GOOD}`] }, "delivered", "verified", /./],
    [BROKEN, { kind: "pin", mx: [`mx.${BROKEN}`] }, "deferred", "none", /expired/],
  ];
  for (const [domain, what, outcome, tls, reason] of cases) {
    await rules.set(domain, what);
    await rules.known(relay, domain, what);
    const seen = await relay.send(`user@${domain}`);
    assert.deepEqual([seen.outcome, seen.tls], [outcome, tls], `${domain} ${JSON.stringify(what)}: ${seen.reason}`);
    assert.match(seen.reason, reason);
  }
  const violation = await relay.logged("violation", { domain: BROKEN });
  assert.equal(violation["resultType"], "certificate-expired");
  // The message for no-policy.test still waits.
  await rules.remove("no-policy.test", "bert");
  await relay.logged("delivered", { domain: "no-policy.test" });
  assert.equal((await relay.logged("rule-removed"))["by"], "bert");
});

test("a message that is under way when the exception is set does not wait for its next time", async () => {
  await using lab = await startLab({ only: [BROKEN] });
  // The attempt is in the middle of this wait when the exception is set.
  await using relay = await startTestRelay(lab, { dns: { timeout: "2s", tries: 1 } });
  await using rules = await openRules(relay);
  lab.dns.behave(`_mta-sts.${BROKEN}`, "TXT", "drop");
  const held = await relay.submit(`user@${BROKEN}`);
  await until(() => lab.dns.queries.some(({ name }) => name === `_mta-sts.${BROKEN}`), "the attempt has begun");
  await rules.set(BROKEN, DISABLE);
  await rules.known(relay, BROKEN, DISABLE);
  assert.ok(!relay.log.some(({ event }) => event === "deferred"));
  await relay.logged("delivered", { message: held });
  assert.equal(relay.log.filter(({ event, message }) => event === "deferred" && message === held).length, 1);
});

test("two relays over one Redis go by the same exceptions, and one of them tells", async () => {
  await using redis = await startTcpRedis();
  await using lab = await startLab({ only: [BROKEN] });
  await using one = await startTestRelay(lab, { redis: { url: redis.url } });
  await using two = await startTestRelay(lab, { redis: { url: redis.url } });
  await using rules = await openRules(redis.url);
  const held = [await one.submit(`one@${BROKEN}`), await two.submit(`two@${BROKEN}`)];
  const either = (event: string, message: string) =>
    Promise.race([one, two].map((relay) => relay.logged(event, { message })));
  await Promise.all(held.map((message) => either("deferred", message)));
  await rules.set(BROKEN, DISABLE);
  await Promise.all(held.map((message) => either("delivered", message)));
  const told = [...one.log, ...two.log].filter(({ event }) => event === "rule-set");
  assert.equal(told.length, 1);
});

/** @param where a relay with a Redis of its own, or the URL of one */
async function openRules(where: TestRelay | string) {
  const target =
    typeof where === "string" ? { url: where } : { socketPath: socketPathFor(join(where.dir, "redis"), tmpdir()) };
  const connection = await connect({ target, onState: () => undefined });
  const store = createRuleStore(connection);
  return {
    ...store,
    set: (domain: string, what: ExceptionRule, until?: number) =>
      store.set({
        domain,
        what,
        by: "anna@mail",
        reason: "their certificate ran out",
        setAt: Date.now(),
        ...(until === undefined ? {} : { until }),
      }),
    /** Resolves when the relay has told it: then it goes by it. */
    known: (relay: TestRelay, domain: string, what: ExceptionRule) =>
      relay.logged("rule-set", { domain, rule: what.kind === "pin" ? "pin" : what.rule }),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
