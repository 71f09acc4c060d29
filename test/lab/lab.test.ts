import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { startLab } from "../../src/lab/lab.ts";
import { labDomains } from "../../src/lab/domains.ts";
import { listenOn } from "../../src/lab/loopback-server.ts";
import { deliver } from "./support/deliver.ts";

test("the whole table stands up, each domain with its records and hosts, within two seconds", async () => {
  const before = performance.now();
  await using lab = await startLab();
  assert.ok(performance.now() - before < 2000, "slower than two seconds");
  assert.equal(lab.domains.length, labDomains().length);
  const resolver = new Resolver();
  resolver.setServers(lab.settings.dnsServers);
  for (const { name, setup } of lab.domains) {
    const exchanges = setup.mxRecords === "none" ? [{ exchange: name }] : await resolver.resolveMx(name);
    const hosts = lab.hostsOf(name);
    if (setup.mxRecords === "null") assert.deepEqual([exchanges[0]?.exchange, hosts], ["", []]);
    else for (const { exchange } of exchanges) await resolver.resolve4(exchange);
    for (const host of hosts) assert.equal(host.port, lab.settings.deliveryPort);
  }
  assert.deepEqual(await resolver.resolveTxt("_mta-sts.good-enforce.test"), [["v=STSv1; id=1;"]]);
  assert.deepEqual(await resolver.resolveTxt("_mta-sts.cname-txt.test"), [["v=STSv1; id=1;"]]);
  assert.deepEqual(await resolver.resolveTxt("_mta-sts.split-txt.test"), [["v=STSv1; i", "d=2026", "0101;"]]);
  assert.deepEqual(await resolver.resolve4("mta-sts.policy-private-address.test"), ["10.1.2.3"]);
  await assert.rejects(resolver.resolveTxt("_mta-sts.no-policy.test"), { code: "ENOTFOUND" });
  await assert.rejects(resolver.resolveTxt("_mta-sts.servfail-txt.test"), { code: "ESERVFAIL" });
});

test("names of the table are unique, end in .test, and enforce is never expected to send to a failing host (STS-VAL-4)", () => {
  const domains = labDomains();
  assert.equal(new Set(domains.map(({ name }) => name)).size, domains.length);
  for (const { name, shows } of domains) {
    assert.match(name, /^[a-z0-9.-]+\.test$/);
    assert.ok(shows.length > 10 && shows.length < 110, shows);
  }
});

test("a domain of one's own is set up in one call, changed while the lab runs, and all is gone at the end", async () => {
  const lab = await startLab({ only: [] });
  const resolver = new Resolver();
  resolver.setServers(lab.settings.dnsServers);
  const { hosts } = await lab.add({
    name: "own.test",
    mx: [{ stripped: true }, { name: "far.own.test", certificate: "expired" }, { closed: true }],
    policy: { mode: "testing", mx: ["*.own.test"], maxAgeSeconds: 60 },
    record: { id: "abc" },
  });
  assert.deepEqual(
    hosts.map(({ name }) => name),
    ["mx1.own.test", "far.own.test"],
  );
  assert.deepEqual(
    (await resolver.resolveMx("own.test")).map(({ exchange }) => exchange),
    ["mx1.own.test", "far.own.test", "mx3.own.test"],
  );
  const port = lab.settings.deliveryPort;
  const [address] = await resolver.resolve4("mx1.own.test");
  assert.equal((await deliver({ host: address ?? "", port, servername: "mx1.own.test" })).error, undefined);
  assert.equal(lab.mx("mx1.own.test").messages[0]?.tls, undefined);
  assert.match(lab.manInTheMiddle("mx1.own.test").leaked.toString(), /MAIL FROM/);

  lab.publish("own.test", { record: { id: "2" }, policy: { mode: "none" } });
  assert.deepEqual(await resolver.resolveTxt("_mta-sts.own.test"), [["v=STSv1; id=2;"]]);
  lab.publish("own.test", {});
  await assert.rejects(resolver.resolveTxt("_mta-sts.own.test"), { code: "ENOTFOUND" });
  await assert.rejects(lab.add({ name: "own.test" }), /has own\.test already/);
  assert.throws(() => lab.mx("mx3.own.test"), /no MX host mx3\.own\.test/);
  assert.throws(() => lab.manInTheMiddle("far.own.test"), /no man in the middle/);

  await lab.close();
  const refused = await deliver({ host: address ?? "", port, servername: "mx1.own.test" });
  assert.match(refused.error ?? "", /ECONNREFUSED/);
});

test("a lab with a directory keeps its authority, and one that cannot start leaves nothing behind", async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), "lab-"));
  t.after(() => rm(dir, { recursive: true }));
  const ports = { dns: 0, https: 0, smtp: 0 };
  const { settings } = await (async () => {
    await using lab = await startLab({ dir, only: [] });
    ports.dns = Number(lab.settings.dnsServers[0]?.split(":")[1]);
    ports.https = lab.settings.policyPort;
    ports.smtp = lab.settings.deliveryPort;
    assert.equal(await readFile(lab.settings.caFile ?? "", "utf8"), lab.settings.caPem);
    return lab;
  })();
  const subnet = settings.allow[0]?.replace(".0/24", "") ?? "";
  const squatter = await listenOn(createServer(), { host: `${subnet}.2`, port: ports.smtp });
  await assert.rejects(
    startLab({ dir, subnet, ports, only: ["good-enforce.test"] }),
    new RegExp(`^Error: ${subnet}\\.2 port ${ports.smtp} is in use`),
  );
  await squatter.close();
  await using again = await startLab({ dir, subnet, ports, only: ["good-enforce.test"] });
  assert.equal(again.settings.caPem, settings.caPem);
});

test("an address that the machine lacks is named, with what to do about it", async () => {
  await assert.rejects(
    listenOn(createServer(), { host: "192.0.2.1", port: 0 }),
    /192\.0\.2\.1.*sudo ifconfig lo0 alias/,
  );
});
