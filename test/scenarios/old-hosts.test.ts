/** Hosts that do not take UTF-8 or 8-bit text: what they get, and what becomes of mail that has no such form. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Lab, startLab } from "../../src/lab/lab.ts";
import { submitMessage } from "../../src/lab/submit.ts";
import type { MxHost } from "../../src/lab/mx-host.ts";
import { connectAndGreet } from "../submission/support/client.ts";
import { startTestRelay, type TestRelay } from "../support/relay.ts";

let lab: Lab;
let relay: TestRelay;

before(async () => {
  lab = await startLab({ only: [] });
  relay = await startTestRelay(lab);
});
after(async () => {
  await relay[Symbol.asyncDispose]();
  await lab.close();
});

const TEXT = [
  "Subject: Grüße",
  "From: Jörg <app@sender.test>",
  "DKIM-Signature: v=1; d=sender.test",
  "MIME-Version: 1.0",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: 8bit",
  "",
  "Schöne Grüße von hier bis dort",
  "",
].join("\r\n");

async function send(host: MxHost, to: string, from = "app@sender.test"): Promise<string> {
  await using client = await connectAndGreet(relay.port);
  await client.command(`MAIL FROM:<${from}> SMTPUTF8 BODY=8BITMIME`);
  await client.command(`RCPT TO:<${to}>`);
  await client.command("DATA");
  const reply = (await client.command(`${TEXT}.`)) ?? "";
  assert.ok(host.port);
  return /queued as (\S+)/.exec(reply)?.[1] ?? assert.fail(reply);
}

const rows: [name: string, keywords: string[], mail: RegExp, subject: RegExp, body: RegExp, changed?: RegExp][] = [
  ["both.test", ["8BITMIME", "SMTPUTF8"], /SMTPUTF8/, /^Subject: Grüße\r$/m, /^Schöne Grüße/m],
  [
    "eight.test",
    ["8BITMIME"],
    /> BODY=8BITMIME$/,
    /^Subject: =\?UTF-8\?Q\?Gr=C3=BC/m,
    /^Schöne Grüße/m,
    /^header put into ASCII; its DKIM/,
  ],
  [
    "old.test",
    [],
    />$/,
    /^Subject: =\?UTF-8\?Q\?Gr=C3=BC/m,
    /^Sch=C3=B6ne/m,
    /^header put into ASCII; 8-bit text encoded; its DKIM/,
  ],
];

test("each host gets the message in the form that it takes, and the log says what was changed (RFC 6152, RFC 6531)", async () => {
  for (const [name, keywords, mail, subject, body, changed] of rows) {
    const { hosts } = await lab.add({ name, mx: [{ behaviour: { keywords } }], policy: {} });
    const host = hosts[0] ?? assert.fail();
    const id = await send(host, `a@${name}`);
    await relay.logged("delivered", { message: id });
    const command = host.sessions[0]?.commands.find(({ line }) => line.startsWith("MAIL"))?.line ?? "";
    assert.match(command, mail, name);
    const text = host.messages[0]?.data.toString() ?? "";
    assert.match(text, subject, name);
    assert.match(text, body, name);
    const told = relay.log.find(({ event, message }) => event === "message-changed" && message === id);
    if (changed === undefined) assert.equal(told, undefined, name);
    else assert.match(String(told?.["what"]), changed, name);
  }
});

test("an address that is not ASCII is not sent to a host that does not take it; its domain is, as A-labels (RFC 6531 section 3.2)", async () => {
  const { hosts } = await lab.add({ name: "xn--bcher-kva.test", mx: [{ behaviour: { keywords: [] } }], policy: {} });
  const host = hosts[0] ?? assert.fail();
  const id = await send(host, "jörg@bücher.test");
  const failed = await relay.logged("failed", { message: id });
  assert.equal(failed["status"], "5.6.7");
  assert.equal(host.messages.length, 0);
  const fine = await send(host, "joerg@bücher.test");
  await relay.logged("delivered", { message: fine });
  assert.deepEqual(host.messages[0]?.to, ["joerg@xn--bcher-kva.test"]);
  assert.ok(host.messages[0]?.data.every((byte) => byte < 0x80));
});

test("lines that are too long reach no host (RFC 5321 section 4.5.3.1.6)", async () => {
  const { hosts } = await lab.add({ name: "long.test", policy: {} });
  const host = hosts[0] ?? assert.fail();
  const data = `Subject: x\r\n\r\n${"word ".repeat(1000)}\r\n`;
  const sent = await submitMessage(
    { host: "127.0.0.1", port: relay.port },
    { from: "app@sender.test", to: ["a@long.test"], data },
  );
  assert.ok(sent.kind === "queued");
  await relay.logged("delivered", { message: sent.id });
  const text = host.messages[0]?.data.toString() ?? "";
  assert.ok(Math.max(...text.split("\r\n").map((line) => line.length)) <= 998);
  assert.match(text, /^Content-Transfer-Encoding: quoted-printable\r$/m);
});
