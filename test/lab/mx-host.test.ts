import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { createAuthority, type Issued } from "../../src/lab/authority.ts";
import type { MxBehaviour } from "../../src/lab/mx-behaviour.ts";
import { type MxHost, startMxHost } from "../../src/lab/mx-host.ts";
import { deliver, type Delivery } from "./support/deliver.ts";

const NAME = "mx.lab.test";
const authority = await createAuthority();
const certificate = await authority.issue({ names: [NAME] });

async function withHost(behaviour: MxBehaviour, use: (host: MxHost) => Promise<void>, issued: Issued = certificate) {
  const host = await startMxHost({ host: "127.0.0.1", port: 0, name: NAME, behaviour, certificate: issued });
  try {
    await use(host);
  } finally {
    await host.close();
  }
}

const send = (host: MxHost, how: Partial<Parameters<typeof deliver>[0]> = {}): Promise<Delivery> =>
  deliver({ port: host.port, servername: NAME, ca: authority.caPem, ...how });

test("takes a message under TLS and says what it was: envelope, body, protocol, SNI (RFC 3207)", () =>
  withHost({}, async (host) => {
    const data = "Subject: dots\r\n\r\n.leading\r\n..two\r\nend\r\n";
    assert.equal((await send(host, { requireTLS: true, to: ["a@lab.test", "b@lab.test"], data })).error, undefined);
    const [message] = host.messages;
    assert.equal(message?.from, "sender@lab.test");
    assert.deepEqual(message?.to, ["a@lab.test", "b@lab.test"]);
    assert.equal(message?.data.toString(), data);
    assert.equal(message?.tls, "TLSv1.3");
    const [session] = host.sessions;
    assert.deepEqual(session?.tls?.servername, NAME);
    assert.deepEqual(
      session?.commands.slice(0, 3).map(({ line, secure }) => [line.split(" ")[0], secure]),
      [
        ["EHLO", false],
        ["STARTTLS", false],
        ["EHLO", true],
      ],
    );
    assert.match(session?.underTls.toString() ?? "", /MAIL FROM.*\.\.leading/s);
    assert.doesNotMatch(session?.clear.toString() ?? "", /MAIL/);
    assert.match(session?.leaked.toString() ?? "", /^MAIL FROM/);
  }));

test("what each behaviour leaves a client that insists on verified TLS, and what the host learns of the message", async () => {
  const refusal = "454 4.7.0 no TLS today";
  const cases: [string, MxBehaviour, RegExp][] = [
    ["absent", { starttls: "absent" }, /STARTTLS/],
    ["refused with 454", { starttls: { reply: refusal } }, /no TLS today/],
    ["refused with 554", { starttls: { reply: "554 5.7.0 never" } }, /never/],
    ["old versions only", { tls: { minVersion: "TLSv1", maxVersion: "TLSv1.1" } }, /version|alert/i],
    ["554 in the place of a greeting", { greeting: "554 5.3.2 closed" }, /closed/],
    ["421 in the place of a greeting", { greeting: "421 4.3.2 busy" }, /busy/],
    ["no greeting", { greeting: "never" }, /greeting/i],
  ];
  for (const [what, behaviour, expected] of cases) {
    await withHost(behaviour, async (host) => {
      assert.match((await send(host, { requireTLS: true, greetingTimeout: 100 })).error ?? "", expected, what);
      assert.deepEqual(host.messages, [], what);
      assert.equal(host.sessions[0]?.leaked.toString(), "", what);
    });
  }
});

test("a self-signed certificate ends the handshake of a verifying client, and nothing of a message came", async () => {
  const other = await (await createAuthority()).issue({ names: [NAME] });
  await withHost(
    {},
    async (host) => {
      assert.match((await send(host, { requireTLS: true })).error ?? "", /certificate|verify/);
      assert.equal(host.sessions[0]?.leaked.length, 0);
    },
    other,
  );
});

test("TLS 1.1 is spoken where it is asked for, to a client that still takes it (RFC 8996)", () =>
  withHost({ tls: { minVersion: "TLSv1", maxVersion: "TLSv1.1" } }, async (host) => {
    const old = { minVersion: "TLSv1" as const, ciphers: "DEFAULT@SECLEVEL=0" };
    assert.equal((await send(host, { requireTLS: true, tls: old })).error, undefined);
    assert.equal(host.messages[0]?.tls, "TLSv1.1");
  }));

test("injected plain text comes in one packet with the reply to STARTTLS (RFC 3207 section 6, STS-VAL-11)", () =>
  withHost({ starttls: { inject: "250 AUTH PLAIN\r\n" } }, async (host) => {
    const socket = connect(host.port, host.address);
    const heard: string[] = [];
    socket.on("data", (chunk: Buffer) => heard.push(chunk.toString()));
    await once(socket, "data");
    socket.write("EHLO client.test\r\nSTARTTLS\r\n");
    while (!heard.at(-1)?.includes("AUTH")) await once(socket, "data");
    assert.match(heard.at(-1) ?? "", /220 2\.0\.0 ready\r\n250 AUTH PLAIN\r\n$/);
    socket.destroy();
  }));

test("replies to MAIL, RCPT and the message are the behaviour's, each recipient its own", async () => {
  const rcpt: MxBehaviour["rcpt"] = (to) => {
    if (to.startsWith("later")) return "451 4.7.1 later";
    return to.startsWith("no") ? "550 5.1.1 no such user" : undefined;
  };
  await withHost({ rcpt }, async (host) => {
    const sent = await send(host, { to: ["yes@lab.test", "later@lab.test", "no@lab.test"] });
    assert.deepEqual(sent.rejected, { "later@lab.test": 451, "no@lab.test": 550 });
    assert.deepEqual(host.messages[0]?.to, ["yes@lab.test"]);
  });
  const cases: [MxBehaviour, RegExp][] = [
    [{ mail: () => "550 5.7.1 not from you" }, /not from you/],
    [{ data: "451 4.3.0 not now" }, /not now/],
    [{ message: "552 5.3.4 too big" }, /too big/],
  ];
  for (const [behaviour, expected] of cases) {
    await withHost(behaviour, async (host) => {
      assert.match((await send(host)).error ?? "", expected);
      assert.deepEqual(host.messages, []);
    });
  }
});

test("a connection breaks in the middle of a message, or between its end and the reply (RFC 5321 section 4.2.5)", async () => {
  const data = `Subject: long\r\n\r\n${"x".repeat(70)}\r\n`.padEnd(500_000, "yyyyyyyyyy\r\n");
  for (const drop of ["during-message", "after-message"] as const) {
    await withHost({ drop }, async (host) => {
      assert.match((await send(host, { data })).error ?? "", /closed|reset|EPIPE/i, drop);
      assert.deepEqual(host.messages, []);
      const whole = (host.sessions[0]?.underTls.length ?? 0) > data.length;
      assert.equal(whole, drop === "after-message", drop);
    });
  }
});

test("without PIPELINING among the keywords, and with it, several messages pass over one session", async () => {
  for (const keywords of [["PIPELINING", "8BITMIME"], ["SMTPUTF8"]]) {
    await withHost({ keywords }, async (host) => {
      assert.equal((await send(host, { times: 3 })).error, undefined);
      assert.equal(host.messages.length, 3);
      assert.equal(host.sessions.length, 1);
    });
  }
});

test("a changed behaviour cuts open sessions and holds for the next one", () =>
  withHost({}, async (host) => {
    const socket = connect(host.port, host.address);
    await once(socket, "data");
    host.behave({ starttls: "absent" });
    await once(socket, "close");
    await host.until(() => host.sessions[0]?.open === false);
    assert.equal((await send(host)).error, undefined);
    assert.equal(host.messages[0]?.tls, undefined);
    await assert.rejects(
      host.until(() => host.messages.length === 2, 5),
      /mx\.lab\.test: not so within 5 ms: 2 sessions, 1 messages/,
    );
  }));

test("commands out of order and unknown ones are refused, and what came behind STARTTLS in clear is on record and not obeyed", () =>
  withHost({}, async (host) => {
    const socket = connect(host.port, host.address);
    let heard = "";
    socket.on("data", (chunk: Buffer) => (heard += chunk.toString()));
    socket.write(
      "MAIL FROM:<a@lab.test>\r\nWIZ\r\nRCPT TO:<a@lab.test>\r\nDATA\r\nSTARTTLS\r\nRSET\r\nMAIL FROM:<b@lab.test>\r\n",
    );
    while (!heard.includes("ready")) await once(socket, "data");
    assert.deepEqual(heard.match(/^\d{3}/gm), ["220", "503", "500", "503", "503", "220"]);
    assert.match(host.sessions[0]?.leaked.toString() ?? "", /MAIL FROM:<b@lab\.test>\r\n$/);
    socket.destroy();
  }));
