/** A running relay and checks: the watched domains, and a check beside the relay. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startLab } from "../../src/lab/lab.ts";
import { createCheckResults } from "../../src/store/check-results.ts";
import { createRuleStore } from "../../src/store/rules.ts";
import { stsRelay } from "../cli/run.ts";
import { open, redisCli } from "../store/support.ts";
import { startTestRelay } from "../support/relay.ts";

type Report = {
  checks: {
    message: { kind: string };
    findings: { code: string; says: string }[];
    policy: { cached: { kind: string } };
  }[];
};

test("watched domains are checked by the clock, and what is found is logged once", async () => {
  await using lab = await startLab({ only: ["good-enforce.test", "self-signed.test"] });
  const check = { watch: ["good-enforce.test", "self-signed.test"], every: "1m" };
  await using relay = await startTestRelay(lab, { check });
  const fine = await relay.logged("check-changed", { domain: "good-enforce.test" });
  assert.deepEqual([fine["severity"], fine["appeared"]], ["info", []]);
  const bad = await relay.logged("check-changed", { domain: "self-signed.test" });
  assert.deepEqual([bad["severity"], bad["message"], bad["level"]], ["error", "waits", "warn"]);
  assert.match(String(bad["msg"]), /certificate is self-signed/);
  await using connection = await open(join(relay.dir, "redis", "redis.sock"));
  const kept = await createCheckResults<{ checkedAt: number; severity: string }>(connection).last("self-signed.test");
  assert.equal(kept?.severity, "error");
});

test("a check sees what the relay has cached and the exceptions in force, and changes nothing", async () => {
  await using lab = await startLab({ only: ["record-vanishes.test"] });
  await using relay = await startTestRelay(lab);
  const socket = join(relay.dir, "redis", "redis.sock");
  const check = async () => {
    const args = ["check", "record-vanishes.test", "--json", "-c", join(relay.dir, "relay.yaml")];
    const { stdout, stderr } = await stsRelay(args, { cwd: relay.dir });
    assert.equal(stderr, "");
    return (JSON.parse(stdout) as Report).checks[0];
  };
  const policies = () => redisCli(socket, "--scan", "--pattern", "{relay}:policy*");
  const none = await policies();
  assert.equal((await check())?.policy.cached.kind, "none");
  assert.equal(await policies(), none);

  await relay.send("user@record-vanishes.test");
  lab.publish("record-vanishes.test", {});
  lab.mx("mx.record-vanishes.test").behave({ starttls: "absent" });
  const held = await check();
  assert.deepEqual([held?.policy.cached.kind, held?.message.kind], ["known", "waits"]);
  assert.ok(held?.findings.some(({ code }) => code === "cached-still-holds"));

  await using connection = await open(socket);
  await createRuleStore(connection).set({
    domain: "record-vanishes.test",
    what: { kind: "mta-sts", rule: "disable" },
    by: "anna@mail",
    reason: "they have left MTA-STS",
    setAt: Date.now(),
  });
  const excepted = await check();
  assert.equal(excepted?.message.kind, "sent");
  assert.match(excepted?.findings.find(({ code }) => code === "operator-rule")?.says ?? "", /anna@mail/);
});
