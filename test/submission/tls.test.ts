import assert from "node:assert/strict";
import { before, test } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { createTransport } from "nodemailer";
import { type Authority, createAuthority } from "../../src/lab/authority.ts";
import type { Certificate } from "../../src/submission/certificate.ts";
import { createLogin } from "../../src/submission/login.ts";
import { createTrust } from "../../src/submission/trust.ts";
import { connectAndGreet } from "./support/client.ts";
import { startIntake, textOf } from "./support/intake.ts";
import { CHEAP_HASH_OF_RIGHT } from "./support/passwords.ts";

let authority: Authority;
let certificate: Certificate;

before(async () => {
  authority = await createAuthority();
  certificate = await issue();
});

async function issue(): Promise<Certificate> {
  const { certPem, keyPem } = await authority.issue({ names: ["relay.example"] });
  return { key: keyPem, cert: certPem };
}

const login = () => createLogin({ users: [{ name: "app", passwordHash: CHEAP_HASH_OF_RIGHT }], now: Date.now });
/** No client is trusted by its address. */
const strangers = () => ({ trust: createTrust([]), login: login(), certificate });

const plain = (name: string, password: string, authzid = "") =>
  `AUTH PLAIN ${Buffer.from(`${authzid}\0${name}\0${password}`).toString("base64")}`;
const base64 = (text: string) => Buffer.from(text).toString("base64");

test("over STARTTLS a client logs in and sends (RFC 3207, RFC 4954)", async () => {
  await using intake = await startIntake({ tls: "starttls", ...strangers() });
  const transport = createTransport({
    host: "127.0.0.1",
    port: intake.port,
    requireTLS: true,
    tls: { ca: authority.caPem, servername: "relay.example" },
    auth: { user: "app", pass: "right" },
  });
  await transport.sendMail({ from: "a@from.example", to: "b@to.example", subject: "hello", text: "body" });
  transport.close();
  assert.match(textOf(intake.queue[0]), /with ESMTPSA\s+\(TLSv1\.3 TLS_AES_\w+\)/);
  assert.equal(intake.events[0]?.what["user"], "app");
  assert.equal(intake.events[0]?.what["protocol"], "ESMTPSA");
});

test("over implicit TLS a client logs in and sends (RFC 8314 section 3.3)", async () => {
  await using intake = await startIntake({ tls: "implicit", ...strangers() });
  const transport = createTransport({
    host: "127.0.0.1",
    port: intake.port,
    secure: true,
    tls: { ca: authority.caPem, servername: "relay.example" },
    authMethod: "LOGIN",
    auth: { user: "app", pass: "right" },
  });
  await transport.sendMail({ from: "a@from.example", to: "b@to.example", subject: "hello", text: "body" });
  transport.close();
  assert.match(textOf(intake.queue[0]), /with ESMTPSA\s+\(TLSv1\.3 TLS_AES_\w+\)/);
});

test("AUTH is neither offered nor taken in clear, and stated as such (RFC 4954 section 4)", async () => {
  await using intake = await startIntake({ tls: "starttls", ...strangers() });
  await using client = await connectAndGreet(intake.port);
  const ehlo = (await client.command("EHLO client.example")) ?? "";
  assert.doesNotMatch(ehlo, /AUTH/);
  assert.match(ehlo, /STARTTLS/);
  assert.match((await client.command(plain("app", "right"))) ?? "", /^538 5\.7\.11 /);
  assert.match((await client.command("AUTH LOGIN")) ?? "", /^538 5\.7\.11 /);
  assert.match((await client.command("MAIL FROM:<a@from.example>")) ?? "", /^530 5\.7\.0 Must issue a STARTTLS/);
  assert.equal((await client.command("STARTTLS"))?.slice(0, 3), "220");
  await using secure = await client.startTls(authority.caPem);
  assert.match((await secure.command("EHLO client.example")) ?? "", /250-AUTH PLAIN LOGIN\n/);
  assert.match((await secure.command("MAIL FROM:<a@from.example>")) ?? "", /^530 5\.7\.0 Authentication required/);
  assert.match((await secure.command("STARTTLS")) ?? "", /^503 /);
});

test("a listener without TLS has no login at all", async () => {
  await using intake = await startIntake({ tls: "none", trust: createTrust([]), login: login() });
  await using client = await connectAndGreet(intake.port);
  assert.doesNotMatch((await client.command("EHLO client.example")) ?? "", /AUTH/);
  assert.match((await client.command("MAIL FROM:<a@from.example>")) ?? "", /^550 5\.7\.1 /);
});

test("a wrong password, an unknown name and another's identity are all answered 535 5.7.8 (RFC 4954 section 6)", async () => {
  await using intake = await startIntake({ tls: "starttls", ...strangers() });
  await using client = await connectAndGreet(intake.port);
  await client.command("STARTTLS");
  await using secure = await client.startTls(authority.caPem);
  await secure.command("EHLO client.example");
  const wrong = "535 5.7.8 Authentication credentials invalid";
  assert.equal(await secure.command(plain("app", "wrong")), wrong);
  assert.equal(await secure.command(plain("nobody", "right")), wrong);
  assert.equal(await secure.command(plain("app", "right", "root")), wrong);
  assert.equal(await secure.command("AUTH LOGIN"), "334 VXNlcm5hbWU6");
  assert.equal(await secure.command(base64("app")), "334 UGFzc3dvcmQ6");
  assert.equal(await secure.command(base64("wrong")), wrong);
  assert.deepEqual(
    intake.events.filter((one) => one.event === "loginFailed").map((one) => one.what["user"]),
    ["app", "nobody", "app", "app"],
  );
  assert.ok(!JSON.stringify(intake.events).includes("wrong"), "no password reaches the log");
  assert.equal(await secure.command(plain("app", "right")), "235 2.7.0 Authentication successful");
  assert.match((await secure.command("MAIL FROM:<a@from.example>")) ?? "", /^250 /);
});

test("the fifth wrong password in one session ends it", async () => {
  await using intake = await startIntake({ tls: "starttls", ...strangers() });
  await using client = await connectAndGreet(intake.port);
  await client.command("STARTTLS");
  await using secure = await client.startTls(authority.caPem);
  await secure.command("EHLO client.example");
  for (let i = 0; i < 4; i++) assert.match((await secure.command(plain("app", `wrong${i}`))) ?? "", /^535 /);
  assert.match((await secure.command(plain("app", "wrong"))) ?? "", /^421 4\.7\.0 /);
  await secure.closed;
});

test("what was said before STARTTLS is forgotten, and what was pipelined behind it never runs (RFC 3207 sections 4.2 and 6)", async () => {
  await using intake = await startIntake({ tls: "starttls", certificate });
  await using client = await connectAndGreet(intake.port);
  await client.command("MAIL FROM:<clear@from.example>");
  client.send("STARTTLS\r\nRCPT TO:<injected@to.example>\r\n");
  assert.equal((await client.reply())?.slice(0, 3), "220");
  await using secure = await client.startTls(authority.caPem);
  assert.match((await secure.command("RCPT TO:<b@to.example>")) ?? "", /^503 /);
  await secure.command("EHLO client.example");
  assert.match((await secure.command("RCPT TO:<b@to.example>")) ?? "", /^503 /);
});

test("TLS below 1.2 is refused (RFC 8996), and the listener lives on", async () => {
  await using intake = await startIntake({ tls: "implicit", certificate });
  const refused = new Promise<Error>((resolve) => {
    const options = { port: intake.port, host: "127.0.0.1", ca: authority.caPem, servername: "relay.example" };
    connectTls({ ...options, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" })
      .once("error", resolve)
      .once("secureConnect", () => resolve(new Error("connected")));
  });
  assert.match((await refused).message, /alert protocol version|unsupported protocol/i);
  await intake.event("debug");
  const socket = await connected(intake.port);
  assert.equal(socket.getProtocol(), "TLSv1.3");
  socket.destroy();
});

async function connected(port: number): Promise<TLSSocket> {
  const socket = connectTls({ port, host: "127.0.0.1", ca: authority.caPem, servername: "relay.example" });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve).once("error", reject);
  });
  return socket;
}

test("a new certificate is shown to the next client, and a bad one changes nothing", async () => {
  await using intake = await startIntake({ tls: "implicit", certificate });
  const shown = async () => {
    const socket = await connected(intake.port);
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const first = await shown();
  const renewed = await issue();
  intake.listener.updateCertificate(renewed);
  const second = await shown();
  assert.notEqual(second, first);
  for (const bad of [
    { ...renewed, cert: "nonsense" },
    { ...renewed, key: certificate.key },
    { key: "", cert: renewed.cert },
  ]) {
    assert.throws(() => intake.listener.updateCertificate(bad));
    assert.equal(await shown(), second);
  }
});

test("TLS without a certificate, or with a bad one, is an error at the start", async () => {
  await assert.rejects(startIntake({ tls: "starttls" }), /certificate/);
  await assert.rejects(startIntake({ tls: "implicit", certificate: { key: "x", cert: "y" } }));
  await assert.rejects(startIntake({ tls: "implicit", certificate: { ...certificate, key: "" } }));
});
