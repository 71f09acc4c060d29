/** The world outside gone: mail is taken, waits, and leaves by itself when the world is back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { issueKind } from "../../src/lab/certificate-kind.ts";
import { startLab } from "../../src/lab/lab.ts";
import { startMxHost } from "../../src/lab/mx-host.ts";
import { startTestRelay } from "../support/relay.ts";

const retry = { schedule: ["1s"] };

test("with DNS dead mail is taken and waits, under no policy and under one; it leaves when DNS is back", async () => {
  const domains = ["no-policy.test", "good-enforce.test"];
  await using lab = await startLab({ only: domains });
  await using relay = await startTestRelay(lab, { retry });
  lab.dns.down();
  const ids = await Promise.all(domains.map((domain) => relay.submit(`user@${domain}`)));
  for (const [i, domain] of domains.entries()) {
    const { outcome, tls } = await relay.settled(ids[i] ?? "", domain);
    assert.deepEqual([outcome, tls], ["deferred", "none"]);
  }
  lab.dns.up();
  for (const [i, domain] of domains.entries()) {
    const { tls } = await relay.logged("delivered", { message: ids[i] ?? "" });
    assert.match(String(tls), domain === "good-enforce.test" ? /, verified$/ : /./);
    assert.equal(lab.hostsOf(domain)[0]?.messages.length, 1);
  }
});

test("with all MX hosts of a domain dead mail is taken and waits; it leaves, verified, when one is back", async () => {
  const domain = "good-enforce.test";
  await using lab = await startLab({ only: [domain] });
  await using relay = await startTestRelay(lab, { retry });
  const hosts = lab.hostsOf(domain);
  const [first] = hosts;
  assert.ok(first);
  await Promise.all(hosts.map((host) => host.close()));
  const waiting = await relay.submit(`user@${domain}`);
  const { outcome, reason } = await relay.settled(waiting, domain);
  assert.equal(outcome, "deferred");
  assert.match(reason, /refused|connect/i);

  const { name, address, port } = first;
  const certificate = await issueKind("good", name, { trusted: lab.authority, other: lab.otherAuthority });
  await using back = await startMxHost({ host: address, port, name, certificate });
  const delivered = await relay.logged("delivered", { message: waiting });
  assert.match(String(delivered["tls"]), /, verified$/);
  assert.equal(back.messages.length, 1);
});
