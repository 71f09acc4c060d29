/** How long a session may go on, and who makes way for whom. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type Authority, createAuthority } from "../../src/lab/authority.ts";
import type { Certificate } from "../../src/submission/certificate.ts";
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
  for (;;) {
    await using client = await connectClient(port);
    if ((await client.reply())?.startsWith("220")) return;
  }
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

test("a TLS handshake that trickles in is cut off, with STARTTLS and from the first byte", async () => {
  await using starttls = await startIntake({ tls: "starttls", certificate, idleTimeoutMs: 100 });
  await using client = await connectAndGreet(starttls.port);
  await client.command("STARTTLS");
  // The beginning of a handshake record of 16 KiB.
  const record = Buffer.concat([Buffer.from([0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xf0]), Buffer.alloc(16_000)]);
  await trickle(client, (i) => record.subarray(i, i + 1));
  await using implicit = await startIntake({ tls: "implicit", certificate, idleTimeoutMs: 100 });
  await using early = await connectClient(implicit.port);
  await trickle(early, (i) => record.subarray(i, i + 1));
  // Both listeners go on.
  await using next = await connectAndGreet(starttls.port);
  await next.command("STARTTLS");
  const secure = await next.startTls(authority.caPem);
  assert.match((await secure.command("EHLO client.example")) ?? "", /^250/);
  await using second = await connectClient(implicit.port);
  assert.match((await (await second.startTls(authority.caPem)).reply()) ?? "", /^220 /);
});
