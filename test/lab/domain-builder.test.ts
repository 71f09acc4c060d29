import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { test } from "node:test";
import { createAuthority } from "../../src/lab/authority.ts";
import { startDnsServer } from "../../src/lab/dns-server.ts";
import { createDomainBuilder } from "../../src/lab/domain-builder.ts";
import { listenOn } from "../../src/lab/loopback-server.ts";
import { startPolicyHosts } from "../../src/lab/policy-host.ts";

test("a builder that is closed while a host is on its way waits for it and closes it too", async () => {
  const subnet = `127.${randomInt(1, 255)}.${randomInt(1, 255)}`;
  const squatter = await listenOn(createServer(), { host: `${subnet}.2`, port: 0 });
  await using dns = await startDnsServer({ host: `${subnet}.1` });
  const authority = await createAuthority();
  const released = Promise.withResolvers<void>();
  const issue = async (_: unknown, host: string) => {
    if (host === "mx2.a.test") await released.promise;
    return authority.issue({ names: [host] });
  };
  const policyHosts = await startPolicyHosts({ host: `${subnet}.1`, port: 0, issue });
  const builder = createDomainBuilder({ subnet, smtpPort: squatter.port, issue, dns, policyHosts });
  await assert.rejects(builder.add({ name: "a.test", mx: [{}, {}] }), /in use/);

  const order: string[] = [];
  const closed = builder.close().then(() => order.push("closed"));
  setImmediate(() => {
    order.push("released");
    released.resolve();
  });
  await closed;
  assert.deepEqual(order, ["released", "closed"]);
  const free = await listenOn(createServer(), { host: `${subnet}.3`, port: squatter.port });
  await Promise.all([free.close(), squatter.close(), policyHosts.close()]);
});
