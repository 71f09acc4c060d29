import assert from "node:assert/strict";
import { test } from "node:test";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import { createTrust } from "../../src/submission/trust.ts";
import { connectAndGreet, connectClient } from "./support/client.ts";
import { startIntake, textOf } from "./support/intake.ts";

const TEXT = "Subject: hello\r\n\r\nbody\r\n";

test("a message is taken, queued and answered with its id (RFC 5321 section 4.2.5)", async () => {
  await using intake = await startIntake({ now: () => Date.UTC(2030, 0, 1) });
  await using client = await connectAndGreet(intake.port);
  assert.equal(await client.command("MAIL FROM:<App@From.Example> BODY=8BITMIME SIZE=30"), "250 2.1.0 Accepted");
  assert.equal(await client.command("RCPT TO:<Someone@To.Example>"), "250 2.1.5 Accepted");
  assert.match((await client.command("DATA")) ?? "", /^354 /);
  const reply = await client.command(`${TEXT}.`);
  const [message] = intake.queue;
  assert.ok(message);
  assert.equal(reply, `250 2.0.0 queued as ${message.id}`);
  assert.deepEqual(message.envelope, {
    from: "App@from.example",
    to: ["Someone@to.example"],
    smtputf8: false,
    eightBit: true,
  });
  assert.equal(message.acceptedAt, Date.UTC(2030, 0, 1));
  assert.match(
    textOf(message),
    /^Received: from client\.example \(\[127\.0\.0\.1\]\)\s+by relay\.example with ESMTP\s+id /,
  );
  assert.ok(
    textOf(message).endsWith(
      `Date: Tue, 01 Jan 2030 00:00:00 +0000\r\nMessage-ID: <${message.id}@relay.example>\r\n${TEXT}`,
    ),
  );
  assert.deepEqual(intake.events, [
    {
      event: "accepted",
      what: {
        message: message.id,
        from: "App@from.example",
        to: ["Someone@to.example"],
        sizeBytes: message.data.length,
        client: "127.0.0.1",
        protocol: "ESMTP",
        messageId: `<${message.id}@relay.example>`,
      },
    },
  ]);
});

test("the usual Node client delivers several messages over one connection", async () => {
  await using intake = await startIntake();
  const connection = new SMTPConnection({ host: "127.0.0.1", port: intake.port, name: "app.example", ignoreTLS: true });
  await new Promise<void>((resolve, reject) => {
    connection.once("error", reject);
    connection.connect((err) => (err ? reject(err) : resolve()));
  });
  for (const subject of ["one", "two", "three"]) {
    await new Promise<void>((resolve, reject) => {
      const envelope = { from: "a@from.example", to: ["b@to.example", "c@to.example"] };
      connection.send(envelope, `Subject: ${subject}\r\n\r\n.dot\r\n`, (err) => (err ? reject(err) : resolve()));
    });
  }
  const ended = new Promise((resolve) => {
    connection.once("end", resolve);
  });
  connection.quit();
  await ended;
  assert.equal(intake.queue.length, 3);
  for (const message of intake.queue) {
    assert.deepEqual(message.envelope.to, ["b@to.example", "c@to.example"]);
    assert.ok(textOf(message).endsWith("\r\n\r\n.dot\r\n"));
  }
});

test("EHLO offers what is kept, and nothing else (RFC 5321 section 4.1.1.1)", async () => {
  await using intake = await startIntake();
  await using client = await connectClient(intake.port);
  assert.equal(await client.reply(), "220 relay.example ESMTP");
  assert.equal(
    await client.command("EHLO client.example"),
    "250-relay.example\n250-PIPELINING\n250-8BITMIME\n250-SMTPUTF8\n250-ENHANCEDSTATUSCODES\n250-DSN\n250 SIZE 100000",
  );
});

test("three messages pipelined in one write are all answered: hooks never call back at once (RFC 2920)", async () => {
  await using intake = await startIntake();
  await using client = await connectAndGreet(intake.port);
  const one = `MAIL FROM:<a@from.example>\r\nRCPT TO:<b@to.example>\r\nDATA\r\n${TEXT}.\r\n`;
  client.send(`${one.repeat(3)}QUIT\r\n`);
  const codes: (string | undefined)[] = [];
  for (let i = 0; i < 13; i++) codes.push((await client.reply())?.slice(0, 3));
  const message = "250 250 354 250";
  assert.equal(codes.join(" "), `${message} ${message} ${message} 221`);
  assert.equal(intake.queue.length, 3);
});

test("commands out of order and odd ones are refused (RFC 5321 section 4.1.4)", async () => {
  await using intake = await startIntake();
  await using client = await connectClient(intake.port);
  await client.reply();
  const cases: [line: string, reply: RegExp][] = [
    ["MAIL FROM:<a@from.example>", /^503 5\.5\.1 /],
    ["EHLO client.example", /^250-/],
    ["RCPT TO:<b@to.example>", /^503 5\.5\.1 /],
    ["DATA", /^503 5\.5\.1 /],
    ["WIZ x", /^500 5\.5\.2 /],
    ["SHELL", /^500 5\.5\.2 /],
    ["KILL", /^500 5\.5\.2 /],
    ["XCLIENT ADDR=192.0.2.1", /^500 5\.5\.2 /],
    ["STARTTLS", /^500 5\.5\.2 /],
    ["AUTH PLAIN AGEAYg==", /^500 5\.5\.2 /],
    ["VRFY someone", /^252 2\.5\.2 /],
    ["NOOP", /^250 2\.0\.0 /],
    ["MAIL FROM:<a@from.example> REQUIRETLS", /^555 5\.5\.4 Parameter REQUIRETLS/],
    ["MAIL FROM:<a@from.example> RET=BODY", /^501 5\.5\.4 Bad value of parameter RET/],
    ["MAIL FROM:<a@from.example> BODY=BINARYMIME", /^501 5\.5\.4 Bad value of parameter BODY/],
    ["MAIL FROM:<a@from.example> BODY=", /^501 5\.5\.4 /],
    ["MAIL FROM:<a@from.example> BODY=7BIT BODY=7BIT", /^501 5\.5\.4 /],
    ["MAIL FROM:<a@from.example> SIZE=100001", /^552 5\.3\.4 /],
    ["MAIL FROM:<@broken>", /^501 5\.1\.7 /],
    ["MAIL FROM:<>", /^250 2\.1\.0 /],
    ["MAIL FROM:<a@from.example>", /^503 5\.5\.1 /],
    ["RCPT TO:<b@to.example> NOTIFY=NEVER,DELAY", /^501 5\.5\.4 /],
    ["RCPT TO:<b@[192.0.2.1]>", /^553 5\.1\.2 /],
    ["RCPT TO:<b@localhost>", /^554 5\.1\.2 /],
    ["RCPT TO:<>", /^501 5\.1\.3 /],
    ["RSET", /^250 2\.0\.0 /],
    ["RCPT TO:<b@to.example>", /^503 5\.5\.1 /],
    ["QUIT", /^221 2\.0\.0 /],
  ];
  for (const [line, reply] of cases) assert.match((await client.command(line)) ?? "", reply, line);
  assert.equal(intake.queue.length, 0);
});

test("domains reach the queue as A-labels, and names that only look alike stay apart (RFC 5890 section 2.3.2.1)", async () => {
  await using intake = await startIntake();
  await using client = await connectAndGreet(intake.port);
  await client.command("MAIL FROM:<a@xn--bcher-kva.example>");
  for (const to of [
    "b@Bücher.example",
    "b@XN--bcher-kva.example",
    "b@xn--bucher-xyd.example",
    "@hop.example:c@example.example",
  ]) {
    await client.command(`RCPT TO:<${to}>`);
  }
  await client.command("DATA");
  await client.command(`${TEXT}.`);
  assert.equal(intake.queue[0]?.envelope.from, "a@xn--bcher-kva.example");
  assert.deepEqual(intake.queue[0]?.envelope.to, [
    "b@xn--bcher-kva.example",
    "b@xn--bucher-xyd.example",
    "c@example.example",
  ]);
});

test("a recipient is kept once, and two that differ in case are two (RFC 5321 section 2.4)", async () => {
  await using intake = await startIntake({ maxRecipients: 2 });
  await using client = await connectAndGreet(intake.port);
  await client.command("MAIL FROM:<a@from.example>");
  const codes: (string | undefined)[] = [];
  for (const to of ["bob@to.example", "Bob@TO.example", "bob@to.EXAMPLE", "bOB@to.example"]) {
    codes.push((await client.command(`RCPT TO:<${to}>`))?.slice(0, 9));
  }
  assert.deepEqual(codes, ["250 2.1.5", "250 2.1.5", "250 2.1.5", "452 4.5.3"]);
  await client.command("DATA");
  await client.command(`${TEXT}.`);
  assert.deepEqual(intake.queue[0]?.envelope.to, ["bob@to.example", "Bob@to.example"]);
});

test("a UTF-8 local part needs SMTPUTF8, and the message is marked (RFC 6531)", async () => {
  await using intake = await startIntake();
  await using client = await connectAndGreet(intake.port);
  assert.match((await client.command("MAIL FROM:<jürgen@from.example>")) ?? "", /^553 5\.6\.7 /);
  assert.match((await client.command("MAIL FROM:<jürgen@from.example> SMTPUTF8")) ?? "", /^250 /);
  assert.match((await client.command("RCPT TO:<用户@to.example>")) ?? "", /^250 /);
  await client.command("DATA");
  await client.command(`${TEXT}.`);
  const [message] = intake.queue;
  assert.equal(message?.envelope.smtputf8, true);
  assert.deepEqual([message?.envelope.from, message?.envelope.to], ["jürgen@from.example", ["用户@to.example"]]);
  assert.match(textOf(message), /with UTF8SMTP\s/);
  assert.match(textOf(message), /for <用户@to\.example>/);
});

test("an untrusted client is refused at MAIL, and cut off when it goes on trying (RFC 5321 section 7.9)", async () => {
  await using intake = await startIntake({ trust: createTrust(["192.0.2.0/24"]) });
  await using client = await connectAndGreet(intake.port);
  for (let i = 0; i < 4; i++)
    assert.equal(await client.command("MAIL FROM:<a@from.example>"), "550 5.7.1 Relaying denied");
  assert.equal(await client.command("MAIL FROM:<a@from.example>"), "421 4.7.0 Too many errors");
  await client.closed;
  assert.deepEqual(intake.events[0], {
    event: "submissionRefused",
    what: { client: "127.0.0.1", reply: "550 5.7.1 Relaying denied" },
  });
});

test("a client that vanishes during DATA leaves no message (RFC 5321 section 4.1.1.4)", async () => {
  await using intake = await startIntake();
  await using client = await connectAndGreet(intake.port);
  await client.command("MAIL FROM:<a@from.example>");
  await client.command("RCPT TO:<b@to.example>");
  await client.command("DATA");
  client.send(TEXT);
  client.socket.end();
  const refused = await intake.event("submissionRefused");
  assert.match(String(refused["detail"]), /went away/);
  assert.equal(intake.queue.length, 0);
});

test("a port that is taken is an error at the start", async () => {
  await using intake = await startIntake();
  await assert.rejects(startIntake({ port: intake.port }), { code: "EADDRINUSE" });
});

test("what the sender wants to hear reaches the queue, and the first wish for a recipient holds (RFC 3461 section 4)", async () => {
  await using intake = await startIntake();
  await using client = await connectAndGreet(intake.port);
  await client.command("MAIL FROM:<a@from.example> RET=full ENVID=a+2Bb");
  await client.command("RCPT TO:<b@to.example> NOTIFY=success ORCPT=rfc822;x+2By@old.example");
  await client.command("RCPT TO:<b@to.example> NOTIFY=NEVER");
  await client.command("RCPT TO:<c@to.example>");
  await client.command("DATA");
  assert.match((await client.command(`${TEXT}.`)) ?? "", /^250/);
  const { to, dsn } = intake.queue[0]?.envelope ?? {};
  assert.deepEqual(to, ["b@to.example", "c@to.example"]);
  assert.deepEqual(dsn, {
    ret: "FULL",
    envid: "a+b",
    recipients: new Map([["b@to.example", { notify: ["SUCCESS"], orcpt: "rfc822;x+y@old.example" }]]),
  });
  await client.command("MAIL FROM:<a@from.example>");
  await client.command("RCPT TO:<b@to.example>");
  await client.command("DATA");
  await client.command(`${TEXT}.`);
  assert.equal("dsn" in (intake.queue[1]?.envelope ?? {}), false);
});
