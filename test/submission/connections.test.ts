import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type Authority, createAuthority } from "../../src/lab/authority.ts";
import type { Certificate } from "../../src/submission/certificate.ts";
import { connectAndGreet, connectClient } from "./support/client.ts";
import { startIntake } from "./support/intake.ts";

let authority: Authority;
let certificate: Certificate;

before(async () => {
  authority = await createAuthority();
  const { certPem, keyPem } = await authority.issue({ names: ["relay.example"] });
  certificate = { key: keyPem, cert: certPem };
});

test("a client with too many connections is turned away with 421, and let in when one has gone (RFC 5321 section 7.8)", async () => {
  await using intake = await startIntake({ limits: { connections: 10, connectionsPerClient: 1 } });
  const first = await connectAndGreet(intake.port);
  await using second = await connectClient(intake.port);
  assert.equal(await second.reply(), "421 4.7.0 Too many connections from your address");
  await second.closed;
  assert.equal((await intake.event("submissionRefused"))["reply"], "421 4.7.0 Too many connections from your address");
  await first.command("QUIT");
  await first.closed;
  await admitted(intake.port);
});

/** The server learns of the end of a connection a moment after its client. */
async function admitted(port: number): Promise<void> {
  for (;;) {
    await using client = await connectClient(port);
    if ((await client.reply())?.startsWith("220")) return;
  }
}

test("a connection that went through STARTTLS is counted out when it ends", async () => {
  await using intake = await startIntake({
    tls: "starttls",
    certificate,
    limits: { connections: 1, connectionsPerClient: 1 },
  });
  for (let i = 0; i < 3; i++) {
    const client = await connectClient(intake.port);
    const greeting = await client.reply();
    if (!greeting?.startsWith("220")) {
      await client.closed;
      i -= 1;
      continue;
    }
    await client.command("EHLO client.example");
    await client.command("STARTTLS");
    const secure = await client.startTls(authority.caPem);
    assert.match((await secure.command("EHLO client.example")) ?? "", /^250/);
    await secure.command("QUIT");
    await secure.closed;
  }
});

test("on an implicit TLS listener the one too many is closed before its handshake, and counted out after it", async () => {
  await using intake = await startIntake({
    tls: "implicit",
    certificate,
    limits: { connections: 1, connectionsPerClient: 1 },
  });
  const silent = await connectClient(intake.port);
  await using second = await connectClient(intake.port);
  await second.closed;
  silent.socket.destroy();
  for (let open = false; !open;) {
    const client = await connectClient(intake.port);
    const secure = await client.startTls(authority.caPem).catch(() => undefined);
    open = (await secure?.reply())?.startsWith("220") ?? false;
    client.socket.destroy();
  }
});

test("a client is greeted at once, without upstream's delay of 100 ms", async () => {
  await using intake = await startIntake();
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const before = performance.now();
    await using client = await connectClient(intake.port);
    await client.reply();
    times.push(performance.now() - before);
  }
  assert.ok(Math.min(...times) < 80, `greeted after ${times.map(Math.round).join(", ")} ms`);
});

test("a silent client is closed after the idle time with 421 4.4.2 (RFC 5321 section 4.5.3.2.7)", async () => {
  await using intake = await startIntake({ idleTimeoutMs: 50 });
  await using client = await connectAndGreet(intake.port);
  assert.match((await client.reply()) ?? "", /^421 4\.4\.2 /);
  await client.closed;
});

test("closing tells waiting clients 421 4.3.2 at once and is done when they have gone (RFC 5321 section 3.8)", async () => {
  const intake = await startIntake();
  await using idle = await connectAndGreet(intake.port);
  await using between = await connectAndGreet(intake.port);
  await between.command("MAIL FROM:<a@from.example>");
  const closed = intake.listener.close(60_000);
  assert.match((await idle.reply()) ?? "", /^421 4\.3\.2 /);
  assert.match((await between.reply()) ?? "", /^421 4\.3\.2 /);
  await Promise.all([idle.closed, between.closed, closed]);
  await assert.rejects(connectClient(intake.port));
});

test("closing lets a message that is arriving come in, and then ends its session", async () => {
  const intake = await startIntake();
  await using client = await connectAndGreet(intake.port);
  await client.command("MAIL FROM:<a@from.example>");
  await client.command("RCPT TO:<b@to.example>");
  await client.command("DATA");
  client.send("Subject: late\r\n");
  const closed = intake.listener.close(60_000);
  assert.match((await client.command("\r\nbody\r\n.")) ?? "", /^250 2\.0\.0 queued/);
  assert.match((await client.reply()) ?? "", /^421 4\.3\.2 /);
  await Promise.all([client.closed, closed]);
  assert.equal(intake.queue.length, 1);
});

test("closing cuts what is left after the grace, in every state of a connection", async () => {
  const plain = await startIntake({ tls: "starttls", certificate });
  const implicit = await startIntake({ tls: "implicit", certificate });
  const inData = await connectAndGreet(plain.port);
  await inData.command("MAIL FROM:<a@from.example>");
  await inData.command("RCPT TO:<b@to.example>");
  await inData.command("DATA");
  const inStartTls = await connectAndGreet(plain.port);
  await inStartTls.command("STARTTLS");
  const inHandshake = await connectClient(implicit.port);
  const inSession = await connectClient(implicit.port);
  const secure = await inSession.startTls(authority.caPem);
  await secure.reply();
  const keepsOpen = await connectClient(plain.port, { allowHalfOpen: true });
  await keepsOpen.reply();
  const began = performance.now();
  await Promise.all([plain.listener.close(20), implicit.listener.close(20)]);
  await Promise.all([inData.closed, inStartTls.closed, inHandshake.closed, secure.closed]);
  assert.ok(performance.now() - began < 3000, "a client that keeps its side open was waited for");
  keepsOpen.socket.destroy();
  assert.equal(plain.queue.length, 0);
});

test("closing twice is closing once", async () => {
  const intake = await startIntake();
  await using client = await connectAndGreet(intake.port);
  await Promise.all([intake.listener.close(1), intake.listener.close(60_000)]);
  await intake.listener.close(60_000);
  await client.closed;
});
