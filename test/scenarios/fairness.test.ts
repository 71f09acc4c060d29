/** A dead and a silent destination beside a good one: the good one is not held up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startLab } from "../../src/lab/lab.ts";
import { startTestRelay } from "../support/relay.ts";

test("mail for a dead domain and for one that never speaks holds up nobody else", async () => {
  await using lab = await startLab({ only: [] });
  await lab.add({ name: "dead.test", mx: [{ closed: true }] });
  const silent = await lab.add({ name: "silent.test", mx: [{ behaviour: { greeting: "never" } }] });
  assert.ok(silent);
  await lab.add({ name: "good.test", policy: {} });
  await using relay = await startTestRelay(lab, {
    delivery: { concurrency: 20, connectTimeout: "60s" },
    retry: { schedule: ["1h"] },
    log: { level: "info" },
  });
  const each = async (count: number, domain: string) => {
    for (let i = 0; i < count; i += 1) await relay.submit(`user${i}@${domain}`);
  };
  await Promise.all([each(100, "dead.test"), each(60, "silent.test")]);
  await relay.logged("destination-closed", { destination: "dead.test" });

  await each(100, "good.test");
  const good = lab.hostsOf("good.test")[0];
  await good?.until(() => good.messages.length === 100, 8_000);
  const [silentHost] = lab.hostsOf("silent.test");
  const attempts = relay.log.filter((line) => line.event === "deferred" && line["domain"] === "silent.test");
  assert.equal(attempts.length, 0, "the silent host still has those that it was given");
  assert.ok((silentHost?.sessions.length ?? 0) <= 5, "and was not given more than it may have at first");
});
