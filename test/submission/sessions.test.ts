/** How long a session may go on, and who makes way for whom. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type Authority, createAuthority } from "../../src/lab/authority.ts";
import type { Certificate } from "../../src/submission/certificate.ts";
import { until } from "../store/support.ts";
import { type Client, connectAndGreet, connectClient } from "./support/client.ts";
import { startIntake } from "./support/intake.ts";

let authority: Authority;
let certificate: Certificate;

before(async () => {
  authority = await createAuthority();
  const { certPem, keyPem } = await authority.issue({ names: ["relay.example"] });
  certificate = { key: keyPem, cert: certPem };
});

/** Sends a byte again and again, far more often than the idle time, until the connection has closed. */
async function trickle(client: Client, bytes: (i: number) => string | Buffer): Promise<void> {
  let i = 0;
  const timer = setInterval(() => client.socket.write(bytes(i++)), 5);
  await client.closed;
  clearInterval(timer);
}

test("a command that trickles in byte by byte is cut off after the idle time (RFC 5321 section 4.5.3.2.7)", async () => {
  await using intake = await startIntake({ idleTimeoutMs: 100 });
  await using client = await connectAndGreet(intake.port);
  await trickle(client, () => "N");
  assert.match((await client.reply()) ?? "", /^421 4\.4\.2 /);
});

test("within a message a client may trickle for longer than the idle time", async () => {
  await using intake = await startIntake({ idleTimeoutMs: 100 });
  await using client = await connectAndGreet(intake.port);
  await client.command("MAIL FROM:<a@from.example>");
  await client.command("RCPT TO:<b@to.example>");
  await client.command("DATA");
  const startedAt = performance.now();
  client.send("Subject: slow\r\n\r\n");
  while (performance.now() - startedAt < 300) {
    client.send("x");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.match((await client.command("\r\n.")) ?? "", /^250 /);
});

test("while the relay thinks, the client's time does not pass", async () => {
  await using intake = await startIntake({
    idleTimeoutMs: 100,
    enqueue: () => new Promise((resolve) => setTimeout(resolve, 300)),
  });
  await using client = await connectAndGreet(intake.port);
  await client.command("MAIL FROM:<a@from.example>");
  await client.command("RCPT TO:<b@to.example>");
  await client.command("DATA");
  assert.match((await client.command("Subject: x\r\n\r\nx\r\n.")) ?? "", /^250 /);
});

test("a client that does not read its replies is cut off", async () => {
  await using intake = await startIntake({
    idleTimeoutMs: 100,
    maxRecipients: 1_000_000,
    limits: { connections: 1, connectionsPerClient: 1 },
  });
  await using client = await connectAndGreet(intake.port);
  client.socket.pause();
  // More in answers than the buffers of both ends hold.
  for (let i = 0; i < 100; i++) client.send("EHLO client.example\r\n".repeat(1_000));
  await admitted(intake.port);
});

/** The server learns of the end of a connection a moment after its client. */
async function admitted(port: number): Promise<void> {
  const greeted = async () => {
    await using client = await connectClient(port);
    return (await client.reply())?.startsWith("220") ?? false;
  };
  await until(greeted, "a client is let in");
}

test("a session without a message ends after its time, whatever is said in it; with messages it goes on", async () => {
  await using intake = await startIntake({ sessionTimeoutMs: 150, maxRecipients: 100_000 });
  await using idler = await connectAndGreet(intake.port);
  const idling = (async () => {
    for (;;) {
      const reply = await idler.command("NOOP");
      if (!reply?.startsWith("250")) return reply;
    }
  })();
  await using sender = await connectAndGreet(intake.port);
  const startedAt = performance.now();
  while (performance.now() - startedAt < 400) {
    await sender.command("MAIL FROM:<a@from.example>");
    await sender.command("RCPT TO:<b@to.example>");
    await sender.command("DATA");
    assert.match((await sender.command("Subject: x\r\n\r\nx\r\n.")) ?? "", /^250 /);
  }
  assert.equal(await idling, "421 4.4.2 Session is too long without a message");
  await idler.closed;
});

test("a session has only so many commands without a message", async () => {
  await using intake = await startIntake({ maxRecipients: 10 });
  await using client = await connectAndGreet(intake.port);
  for (let i = 0; i < 119; i++) assert.match((await client.command("NOOP")) ?? "", /^250 /, String(i));
  assert.equal(await client.command("NOOP"), "421 4.7.0 Too many commands without a message");
  await client.closed;
});

test("a TLS handshake that trickles in is cut off long before the idle time, with STARTTLS and from the first byte", async () => {
  const startedAt = performance.now();
  await using starttls = await startIntake({ tls: "starttls", certificate, idleTimeoutMs: 10_000 });
  await using client = await connectAndGreet(starttls.port);
  await client.command("STARTTLS");
  // The beginning of a handshake record of 16 KiB.
  const record = Buffer.concat([Buffer.from([0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xf0]), Buffer.alloc(16_000)]);
  await using implicit = await startIntake({ tls: "implicit", certificate, idleTimeoutMs: 10_000 });
  await using early = await connectClient(implicit.port);
  await Promise.all([client, early].map((one) => trickle(one, (i) => record.subarray(i, i + 1))));
  assert.ok(performance.now() - startedAt < 9_000);
  // Both listeners go on.
  await using next = await connectAndGreet(starttls.port);
  await next.command("STARTTLS");
  const secure = await next.startTls(authority.caPem);
  assert.match((await secure.command("EHLO client.example")) ?? "", /^250/);
  await using second = await connectClient(implicit.port);
  assert.match((await (await second.startTls(authority.caPem)).reply()) ?? "", /^220 /);
});

test("with all connections taken, the session that has been idle longest makes way; one within a transaction does not", async () => {
  await using intake = await startIntake({
    idleTimeoutMs: 2_000,
    limits: { connections: 3, connectionsPerClient: 10 },
  });
  await using sender = await connectAndGreet(intake.port);
  await sender.command("MAIL FROM:<a@from.example>");
  await using idlest = await connectAndGreet(intake.port);
  await using idle = await connectAndGreet(intake.port);
  await using early = await connectClient(intake.port);
  assert.equal(await early.reply(), "421 4.7.0 Too many connections, try again later", "nobody has been idle for long");
  await admitted(intake.port);
  assert.equal(await idlest.reply(), "421 4.7.0 Idle while others wait for a connection");
  await idlest.closed;
  assert.match((await idle.command("NOOP")) ?? "", /^250 /);
  assert.match((await sender.command("RCPT TO:<b@to.example>")) ?? "", /^250 /);
});

test("who makes way does so at once, also under implicit TLS: the connection that asks for it is served", async () => {
  await using intake = await startIntake({
    tls: "implicit",
    certificate,
    idleTimeoutMs: 1_000,
    limits: { connections: 1, connectionsPerClient: 10 },
  });
  const first = await (await connectClient(intake.port)).startTls(authority.caPem);
  await first.reply();
  // Being idle takes time: half of the idle time at these settings.
  await new Promise((resolve) => setTimeout(resolve, 600));
  await using second = await connectClient(intake.port);
  assert.match((await (await second.startTls(authority.caPem)).reply()) ?? "", /^220 /);
  assert.equal(await first.reply(), "421 4.7.0 Idle while others wait for a connection");
});
