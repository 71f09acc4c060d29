/** Operators steer the queue of a relay that runs: through the command line, and over a restart. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startLab } from "../../src/lab/lab.ts";
import { stsRelay } from "../cli/run.ts";
import { until } from "../store/support.ts";
import { startTestRelay, type TestRelay } from "../support/relay.ts";

const cli = (relay: TestRelay, ...args: string[]) =>
  stsRelay([...args, "--config", join(relay.dir, "relay.yaml")], { cwd: relay.dir });

const stateOf = async (relay: TestRelay, id: string) => {
  const { stdout } = await cli(relay, "message", id, "--json");
  return (JSON.parse(stdout) as { messages: { state: string }[] }).messages[0]?.state;
};

test("held mail stays over a restart and over what would let it go, and leaves when it is released", async () => {
  await using lab = await startLab({ only: ["no-tls.test"] });
  await using relay = await startTestRelay(lab, { retry: { schedule: ["1s"] } });
  const id = await relay.submit("user@no-tls.test");
  assert.equal((await relay.settled(id, "no-tls.test")).outcome, "deferred");
  // At this moment an attempt may be under way: then it is held when that has ended.
  assert.equal((await cli(relay, "queue", "hold", id, "--reason", "looked at")).code, 0);
  await until(async () => (await stateOf(relay, id)) === "held", "it is held");

  await relay.restart();
  const [host] = lab.hostsOf("no-tls.test");
  assert.ok(host);
  host.behave({ starttls: "offered" });
  // Another message passes meanwhile: it is not for want of a worker.
  assert.equal((await relay.send("other@no-tls.test")).outcome, "delivered");
  assert.equal(await stateOf(relay, id), "held");
  assert.match((await cli(relay, "queue")).stdout, /^1 delivery: 1 held$/m);

  assert.equal((await cli(relay, "queue", "release", id)).stdout, "1 released, and due now\n");
  await relay.logged("delivered", { message: id });
  await until(async () => (await stateOf(relay, id)) === "delivered", "the history has it");
  const { stdout } = await cli(relay, "message", id);
  assert.match(stdout, /held it back(?: \(.*\))?: looked at[^]*let it go on[^]*took the message/);
});

test("bounced mail is reported to its sender with the reason, dropped mail to nobody", async () => {
  await using lab = await startLab({ only: ["expired.test", "good-enforce.test"] });
  await using relay = await startTestRelay(lab);
  const from = "app@good-enforce.test";
  const [bounced = "", dropped = ""] = await Promise.all(
    ["one", "two"].map((user) => relay.submit(`${user}@expired.test`, undefined, from)),
  );
  await Promise.all([bounced, dropped].map((id) => relay.settled(id, "expired.test")));

  const dry = await cli(relay, "queue", "drop", "--to", "expired.test", "--dry-run", "--json");
  assert.deepEqual(JSON.parse(dry.stdout), {
    verb: "drop",
    matched: 2,
    results: { done: 0, ordered: 0, already: 0, gone: 0 },
    dryRun: true,
  });
  assert.equal((await cli(relay, "queue", "drop", dropped, "--yes")).stdout, "1 taken out of the queue\n");
  assert.equal((await cli(relay, "queue", "drop", dropped, "--yes")).code, 1);
  await cli(relay, "queue", "bounce", "--from", from, "--to", "expired.test", "--reason", "the address is wrong");
  const ordered = await relay.logged("operator-order", { message: bounced });
  assert.equal(ordered["verb"], "bounce");

  const [host] = lab.hostsOf("good-enforce.test");
  assert.ok(host);
  await until(() => host.messages.length > 0, "the report has arrived");
  const report = host.messages[0]?.data.toString() ?? "";
  assert.match(report.replaceAll("=\r\n", ""), /taken this message out of its queue: the address is wrong/);
  assert.match(report, /one@expired\.test/);
  assert.equal(host.messages.length, 1);
  assert.deepEqual([await stateOf(relay, bounced), await stateOf(relay, dropped)], ["failed", "dropped"]);
  assert.match((await cli(relay, "queue")).stdout, /^The queue is empty/);
});
