/** Settings that change while the relay runs. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { createAuthority } from "../../src/lab/authority.ts";
import { startLab } from "../../src/lab/lab.ts";
import { connectAndGreet, connectClient } from "../submission/support/client.ts";
import { startTestRelay } from "../support/relay.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const MAIL = "MAIL FROM:<app@sender.test>";

test("who may send, how much, and how many at a time follow the settings, on connections that are open already", async () => {
  await using relay = await startTestRelay(undefined);
  await using client = await connectAndGreet(relay.port);
  assert.match((await client.command(MAIL)) ?? "", /^250 /);

  await relay.reload({ submission: { trustedNetworks: ["192.0.2.0/24"] } });
  assert.match((await client.command("RSET")) ?? "", /^250 /);
  assert.match((await client.command(MAIL)) ?? "", /^550 5\.7\.1 Relaying denied/);

  await relay.reload({ submission: { trustedNetworks: ["127.0.0.0/8"], rates: { perClient: { messages: "1/1h" } } } });
  assert.match((await client.command(MAIL)) ?? "", /^250 /);
  await client.command("RSET");
  assert.match(
    (await client.command(MAIL)) ?? "",
    /^451 4\.7\.1 Too many messages from your address, try again in \d+ s$/,
  );
  await using other = await connectAndGreet(relay.port);
  assert.match((await other.command(MAIL)) ?? "", /^451 4\.7\.1 /, "counted over connections");

  await relay.reload({ submission: { rates: { perClient: { messages: "100/1h" } }, maxConnections: 2 } });
  assert.match((await client.command(MAIL)) ?? "", /^250 /, "more is allowed, so less is used up");
  await using third = await connectClient(relay.port);
  assert.match((await third.reply()) ?? "", /^421 4\.7\.0 Too many connections/);

  await relay.reload({ submission: { maxConnections: 10, maxMessageSize: "1KiB" } });
  assert.match((await client.command("EHLO client.example")) ?? "", /SIZE 1024/);
  assert.match((await client.command(`${MAIL} SIZE=2000`)) ?? "", /^552 5\.3\.4 /);
  const applied = relay.log.filter(({ event }) => event === "configuration-applied");
  assert.deepEqual(applied.at(-1)?.["settings"], ["submission.maxMessageSize", "submission.maxConnections"]);
});

test("a domain's rule, the retry times and the allowed addresses follow the settings; what needs a restart is said", async () => {
  await using lab = await startLab({ only: ["no-policy.test", "good-enforce.test"] });
  await using relay = await startTestRelay(lab, { retry: { schedule: ["1h"] } });
  assert.equal((await relay.send("user@no-policy.test")).outcome, "delivered");
  assert.equal((await relay.send("user@good-enforce.test")).outcome, "delivered");

  await relay.reload({ domains: { "no-policy.test": { mtaSts: "require" } }, delivery: { concurrency: 7 } });
  assert.equal((await relay.send("user@no-policy.test")).outcome, "deferred");
  const restart = await relay.logged("restart-needed");
  assert.deepEqual(restart["settings"], ["delivery.concurrency"]);

  await relay.reload({ network: { allow: [] }, retry: { schedule: ["1s"] } });
  const id = await relay.submit("user@good-enforce.test");
  const deferred = await relay.settled(id, "good-enforce.test");
  assert.match(deferred.reason, /not a public address/);
  const line = await relay.logged("deferred", { message: id });
  assert.ok(Date.parse(String(line["nextAttemptAt"])) - Date.now() < 60_000);

  await relay.reload({ network: { allow: lab.settings.allow } });
  assert.match(String((await relay.logged("delivered", { message: id }))["tls"]), /verified/);
});

test("the certificate is read again from where the settings say now; users come and go with them", async () => {
  await using dir = await makeTempDir();
  const authority = await createAuthority();
  const certificate = async (name: string) => {
    const { certPem, keyPem } = await authority.issue({ names: ["relay.example"] });
    const files = { certFile: join(dir.path, `${name}.pem`), keyFile: join(dir.path, `${name}.key`) };
    await Promise.all([writeFile(files.certFile, certPem), writeFile(files.keyFile, keyPem)]);
    return files;
  };
  const listeners = [{ host: "127.0.0.1", port: 0, tls: "implicit" }];
  await using relay = await startTestRelay(undefined, {
    submission: { listeners, certificate: await certificate("one") },
  });
  const greeted = async () => {
    const socket = connectTls({ port: relay.port, ca: authority.caPem, servername: "relay.example" });
    await new Promise((resolve, reject) => socket.once("data", resolve).once("error", reject));
    const { serialNumber } = socket.getPeerCertificate();
    socket.write("EHLO client.example\r\n");
    const ehlo = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
    socket.destroy();
    return { serialNumber, offersLogin: ehlo.includes("AUTH PLAIN") };
  };
  const before = await greeted();
  assert.equal(before.offersLogin, false);
  await relay.reload({ submission: { certificate: await certificate("two") } });
  const after = await greeted();
  assert.notEqual(after.serialNumber, before.serialNumber);

  await writeFile(join(dir.path, "two.key"), "not a key");
  await relay.reload({ submission: { users: [{ name: "app", passwordHash: "$scrypt$ln=10,r=8,p=1$c2FsdA$aGFzaA" }] } });
  await relay.logged("certificate-unreadable");
  assert.deepEqual(await greeted(), { ...after, offersLogin: true }, "the one that can be used stays");
  await relay.reload({ submission: { users: [] } });
  assert.deepEqual(await greeted(), after);
});
