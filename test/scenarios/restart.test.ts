/** What a restart keeps: mail that waits, and the policies that protect it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startLab } from "../../src/lab/lab.ts";
import { startTestRelay } from "../support/relay.ts";

test("queued mail and cached policy are there after a restart; with DNS and HTTPS gone the cached enforce still holds (STS-CACHE-1, STS-CACHE-4, STS-TXT-6)", async () => {
  await using lab = await startLab({ only: ["good-enforce.test"] });
  await using relay = await startTestRelay(lab, { retry: { schedule: ["1s"] } });
  assert.equal((await relay.send("user@good-enforce.test")).tls, "verified");

  // The host breaks the policy from now on, and whoever could say that there is one falls silent.
  const [host] = lab.hostsOf("good-enforce.test");
  assert.ok(host);
  host.behave({ starttls: "absent" });
  lab.dns.behave("_mta-sts.good-enforce.test", "TXT", "servfail");
  await lab.policyHosts.down();
  const sessionsBefore = host.sessions.length;
  const waiting = await relay.submit("user@good-enforce.test");
  assert.equal((await relay.settled(waiting, "good-enforce.test")).outcome, "deferred");

  await relay.restart();
  const after = await relay.send("second@good-enforce.test");
  assert.equal(after.outcome, "deferred");
  assert.match(after.reason, /STARTTLS/);
  for (const session of host.sessions.slice(sessionsBefore)) assert.equal(session.leaked.length, 0);

  host.behave({ starttls: "offered" });
  const delivered = await relay.logged("delivered", { message: waiting });
  assert.match(String(delivered["tls"]), /, verified$/);
});
