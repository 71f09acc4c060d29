import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import tls from "node:tls";
import type { CertificateKind } from "../../src/lab/certificate-kind.ts";
import { startManInTheMiddle } from "../../src/lab/man-in-the-middle.ts";
import type { MxBehaviour } from "../../src/lab/mx-behaviour.ts";
import { judge } from "../../src/tls/verdict.ts";
import { certificateOf, createTestHosts, leakedTo, trust } from "../support/test-hosts.ts";
import { failed, LIMITS, NAME, open, opened } from "./support/open.ts";
import { agreeable, type Script, startScriptedHost } from "./support/scripted-host.ts";

const SOON = { ...LIMITS, setupTimeoutMs: 100 };

test("a session is opened with STARTTLS, the MX name as SNI and EHLO said again; its facts tell what was proved (STS-VAL-2, STS-VAL-3)", async () => {
  await using hosts = createTestHosts();
  const host = await hosts.start(NAME);
  using session = await opened(host);
  const { facts, offers } = session;
  assert.ok(facts.secured);
  assert.deepEqual(
    [facts.protocol, facts.namesHost, facts.chainError, facts.injected, facts.certificate?.names],
    ["TLSv1.3", true, undefined, false, [NAME]],
  );
  assert.deepEqual(offers, { eightBit: true, smtputf8: true, maxSizeBytes: 52_428_800 });
  const [seen] = host.sessions;
  assert.equal(seen?.tls?.servername, NAME);
  assert.deepEqual(
    seen?.commands.map(({ line, secure }) => `${line} ${secure ? "under TLS" : "in clear"}`),
    ["EHLO relay.test in clear", "STARTTLS in clear", "EHLO relay.test under TLS"],
  );
  assert.equal(leakedTo(host), "");
});

test("each certificate is read for what it is, and the session waits to be judged (STS-VAL-3, RFC 6125)", async () => {
  await using hosts = createTestHosts();
  const cases: [CertificateKind, string][] = [
    ["good", "meets"],
    ["wildcard", "meets"],
    ["partial-wildcard", "certificate-host-mismatch"],
    ["wrong-name", "certificate-host-mismatch"],
    ["common-name-only", "certificate-host-mismatch"],
    ["self-signed", "certificate-not-trusted"],
    ["other-authority", "certificate-not-trusted"],
    ["not-yet-valid", "certificate-not-trusted"],
    ["expired", "certificate-expired"],
  ];
  for (const [kind, expected] of cases) {
    const host = await hosts.start(NAME, {}, kind);
    using session = await opened(host);
    const verdict = judge({ tls: "verified" }, session.facts, Date.now());
    assert.equal(verdict.kind === "meets" ? "meets" : verdict.resultType, expected, kind);
    assert.equal(leakedTo(host), "", kind);
  }
});

test("where TLS is required and cannot be had, there is no session, and the host learns nothing (STS-VAL-2, STS-VAL-4)", async () => {
  await using hosts = createTestHosts();
  const cases: [string, MxBehaviour, string, RegExp][] = [
    ["not offered", { starttls: "absent" }, "starttls", /^it does not offer STARTTLS$/],
    ["454", { starttls: { reply: "454 4.7.0 not today" } }, "starttls", /"454 4\.7\.0 not today"/],
    ["554", { starttls: { reply: "554 5.7.0 never" } }, "starttls", /"554 5\.7\.0 never"/],
    ["TLS 1.1", { tls: { minVersion: "TLSv1", maxVersion: "TLSv1.1" } }, "handshake", /TLS 1\.2 is the least/],
    ["554 greeting", { greeting: "554 5.3.2 closed" }, "greeting", /greeted with: "554 5\.3\.2 closed"/],
    ["421 greeting", { greeting: "421 4.3.2 busy" }, "greeting", /"421 4\.3\.2 busy"/],
  ];
  for (const [what, behaviour, phase, detail] of cases) {
    const host = await hosts.start(NAME, behaviour);
    const failure = await failed(host);
    assert.equal(failure.phase, phase, what);
    assert.match(failure.detail, detail, what);
    assert.equal(leakedTo(host), "", what);
  }
});

test("an offer of STARTTLS that was taken away on the path does not make the session a clear one (STS-VAL-2, RFC 8461 section 10.1)", async () => {
  await using hosts = createTestHosts();
  const { address: host, port } = await hosts.start(NAME);
  const attacker = await startManInTheMiddle({ host: "127.0.0.1", port: 0, target: { host, port } });
  assert.equal((await failed(attacker)).phase, "starttls");
  assert.match(attacker.read.toString(), /STARTTLS/);
  assert.equal(attacker.leaked.length, 0);
  await attacker.close();
});

test("plain text behind the reply to STARTTLS is noticed, whatever it is, and not used (STS-VAL-11, RFC 3207 section 6)", async () => {
  await using hosts = createTestHosts();
  for (const inject of ["250-evil\r\n250 AUTH PLAIN\r\n", "250 half a li", "\r\n", "250 SMTPUTF8\r\n"]) {
    const host = await hosts.start(NAME, { keywords: [], starttls: { inject } });
    using session = await opened(host);
    assert.ok(session.facts.secured && session.facts.injected, JSON.stringify(inject));
    assert.equal(session.offers.smtputf8, false);
  }
  const host = await hosts.start(NAME, { starttls: { inject: "250-it never ends\r\n" } });
  assert.equal((await failed(host, { limits: SOON })).phase, "ehlo");
  assert.equal(leakedTo(host), "");
});

test("only the EHLO reply under TLS counts: what was offered in clear is forgotten (STS-VAL-11, RFC 3207 section 4.2)", async () => {
  const script: Script = (line, session) =>
    line.startsWith("EHLO")
      ? `250-x\r\n250-${session.secure ? "SIZE 10" : "SMTPUTF8\r\n250-SIZE 99"}\r\n250 STARTTLS`
      : agreeable(line, session);
  await using host = await startScriptedHost({ script, certificate: await certificateOf("good", NAME) });
  using session = await opened(host);
  assert.deepEqual(session.offers, { eightBit: false, smtputf8: false, maxSizeBytes: 10 });
});

test("`try` secures the session where STARTTLS is offered, and `never` leaves it clear", async () => {
  await using hosts = createTestHosts();
  const offering = await hosts.start(NAME);
  const absent = await hosts.start(NAME, { starttls: "absent" });
  const old = await hosts.start(NAME, { tls: { minVersion: "TLSv1", maxVersion: "TLSv1.1" } });
  using tried = await opened(offering, { starttls: "try" });
  assert.ok(tried.facts.secured);
  using lenient = await opened(old, { starttls: "try", secureContext: trust.lenient });
  assert.equal(lenient.facts.secured && lenient.facts.protocol, "TLSv1.1");
  using without = await opened(absent, { starttls: "try" });
  assert.deepEqual(without.facts, { secured: false, why: "not-offered", detail: "it does not offer STARTTLS" });
  using never = await opened(offering, { starttls: "never" });
  assert.equal(!never.facts.secured && never.facts.why, "not-tried");
  assert.equal(
    (await failed(await hosts.start(NAME, { starttls: { reply: "454 no" } }), { starttls: "try" })).phase,
    "starttls",
  );
});

test("a host that says nothing, or stops speaking, holds a session no longer than the limit", async () => {
  const silentAt =
    (word: string): Script =>
    (line, session) =>
      line.startsWith(word) ? undefined : agreeable(line, session);
  const cases: [string, Parameters<typeof startScriptedHost>[0], string, string][] = [
    ["no greeting", { script: agreeable, greeting: undefined }, "greeting", "it did not greet in time"],
    ["no reply to EHLO", { script: silentAt("EHLO") }, "ehlo", "it did not answer in time"],
    ["no reply to STARTTLS", { script: silentAt("STARTTLS") }, "ehlo", "it did not answer in time"],
    [
      "no handshake",
      {
        script: (line, session) =>
          line === "STARTTLS" ? "220 go" : session.lines.includes("STARTTLS") ? undefined : agreeable(line, session),
      },
      "handshake",
      "the TLS handshake did not end in time",
    ],
  ];
  for (const [what, options, phase, detail] of cases) {
    await using host = await startScriptedHost(options);
    const failure = await failed(host, { limits: SOON });
    assert.deepEqual([failure.phase, failure.detail], [phase, detail], what);
    await host.until(() => host.sessions.every((session) => !session.open));
  }
});

test("a host that is not there, hangs up, or speaks another language is a failure in words of ours", async () => {
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, "close");
  assert.deepEqual(await failed({ port }), { phase: "connect", detail: "it refuses connections" });

  const cases: [string, Parameters<typeof startScriptedHost>[0], string, RegExp][] = [
    ["hangs up", { script: agreeable, greeting: { next: "end" } }, "ehlo", /dropped the connection/],
    ["resets", { script: agreeable, greeting: { next: "destroy" } }, "ehlo", /dropped the connection/],
    ["no SMTP", { script: agreeable, greeting: "HTTP/1.1 400 Bad Request" }, "ehlo", /EPROTOCOL/],
    ["refuses EHLO and HELO", { script: () => "550 5.7.1 not you" }, "ehlo", /refused EHLO: "550 5\.7\.1 not you"/],
    ["hangs up after EHLO", { script: () => ({ next: "end" }) }, "ehlo", /dropped the connection/],
    [
      "no TLS behind STARTTLS",
      {
        script: (line, s) => (line === "STARTTLS" ? "220 go\r\n" : line.startsWith("EHLO") ? agreeable(line, s) : "x"),
      },
      "handshake",
      /TLS handshake/,
    ],
    ["endless", { script: agreeable, greeting: `220-${"x".repeat(70_000)}` }, "ehlo", /EPROTOCOL/],
  ];
  for (const [what, options, phase, detail] of cases) {
    await using host = await startScriptedHost(options);
    const failure = await failed(host, what.startsWith("no TLS") ? { limits: SOON } : {});
    assert.match(failure.detail, detail, what);
    assert.equal(failure.phase, phase, what);
  }
});

test("a signal ends the set-up at once, also before it began", async () => {
  await using host = await startScriptedHost({ script: agreeable, greeting: undefined });
  const stop = new AbortController();
  const opening = failed(host, { signal: stop.signal });
  await host.until(() => host.sessions.length === 1);
  stop.abort();
  assert.equal((await opening).detail, "the attempt was broken off");
  await host.until(() => host.sessions[0]?.open === false);
  assert.equal((await failed(host, { signal: stop.signal })).detail, "the attempt was broken off");
  assert.equal(host.sessions.length, 1);
});

test("a host that knows HELO only can be spoken to in clear, and offers nothing", async () => {
  await using host = await startScriptedHost({ script: (line) => (line.startsWith("EHLO") ? "502 what?" : "250 ok") });
  using session = await opened(host, { starttls: "try" });
  assert.deepEqual(session.offers, { eightBit: false, smtputf8: false });
  assert.equal((await failed(host)).phase, "ehlo");
});

test("TLS sessions are never resumed: each handshake proves the host anew (STS-VAL-12)", async () => {
  const certificate = await certificateOf("good", NAME);
  await using host = await startScriptedHost({ script: agreeable, certificate });
  for (const secureContext of [trust.strict, trust.strict, trust.lenient, trust.lenient]) {
    using session = await opened(host, { secureContext });
    await session.send({
      from: "a@lab.test",
      to: ["b@lab.test"],
      data: Buffer.from("x"),
      smtputf8: false,
      eightBit: false,
    });
  }
  assert.deepEqual(
    host.sessions.map(({ secure, resumed }) => [secure, resumed]),
    Array.from({ length: 4 }, () => [true, false]),
  );

  // The host does resume, for a client that asks for it.
  await using implicit = await startScriptedHost({ script: agreeable, certificate, implicit: true });
  const to = { port: implicit.port, host: "127.0.0.1", servername: NAME, secureContext: trust.strict };
  const first = tls.connect(to);
  const [ticket] = (await once(first, "session")) as [Buffer];
  const second = tls.connect({ ...to, session: ticket });
  await once(second, "secureConnect");
  await implicit.until(() => implicit.sessions[1]?.secure === true);
  assert.deepEqual(
    implicit.sessions.map(({ resumed }) => resumed),
    [false, true],
  );
  first.destroy();
  second.destroy();
});

test("TLS from the first byte is judged like STARTTLS, and fails in words of its own (RFC 8314)", async () => {
  const certificate = await certificateOf("good", NAME);
  await using host = await startScriptedHost({ script: agreeable, certificate, implicit: true });
  using session = await opened(host, { target: { implicitTls: true } });
  assert.ok(session.facts.secured && session.facts.namesHost && session.facts.chainError === undefined);
  assert.deepEqual(host.sessions[0]?.lines, ["EHLO relay.test"]);

  await using plain = await startScriptedHost({ script: agreeable });
  assert.equal((await failed(plain, { target: { implicitTls: true } })).phase, "handshake");
  await using refusing = await startScriptedHost({
    script: agreeable,
    certificate,
    implicit: true,
    greeting: "554 closed",
  });
  assert.equal((await failed(refusing, { target: { implicitTls: true } })).phase, "greeting");
});

test("a password goes over verified TLS only (STARTTLS and implicit), whatever was asked for", async () => {
  const login = { user: "me", password: "secret" };
  const offersAuth: Script = (line, session) =>
    line.startsWith("EHLO")
      ? "250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN"
      : line.startsWith("AUTH")
        ? "235 welcome"
        : agreeable(line, session);
  await using good = await startScriptedHost({ script: offersAuth, certificate: await certificateOf("good", NAME) });
  using session = await opened(good, { login });
  assert.equal(session.closed, false);
  assert.equal(good.sessions[0]?.lines.at(-1), `AUTH PLAIN ${Buffer.from("\0me\0secret").toString("base64")}`);

  await using hosts = createTestHosts();
  const kinds: CertificateKind[] = ["self-signed", "expired", "wrong-name", "common-name-only"];
  const bad = await Promise.all(kinds.map((kind) => hosts.start(NAME, {}, kind)));
  const injecting = await hosts.start(NAME, { starttls: { inject: "x" } });
  for (const host of [...bad, injecting]) {
    const failure = await failed(host, { login });
    assert.equal(failure.phase, "handshake");
    assert.match(failure.detail, /, so the password is not sent$/);
    assert.equal(leakedTo(host), "");
  }
  const old = await hosts.start(NAME, { tls: { minVersion: "TLSv1.1", maxVersion: "TLSv1.1" } });
  assert.match((await failed(old, { login, secureContext: trust.lenient })).detail, /too old.*not sent$/);
  assert.equal(leakedTo(old), "");
  const clear = await hosts.start(NAME, { starttls: "absent" });
  assert.equal((await failed(clear, { login, starttls: "try" })).phase, "starttls");
  assert.equal(leakedTo(clear), "");
});

test("a refused login is told in the host's words, and does not repeat the password", async () => {
  await using host = await startScriptedHost({
    script: (line, session) => (line.startsWith("AUTH") ? "535 5.7.8 wrong" : agreeable(line, session)),
    certificate: await certificateOf("good", NAME),
  });
  const failure = await failed(host, { login: { user: "me", password: "secret" } });
  assert.deepEqual([failure.phase, failure.detail], ["login", 'it refused the login: "535 5.7.8 wrong"']);
});

test("an address in the place of the host name is no SNI and matches no certificate (RFC 6066 section 3)", async () => {
  await using hosts = createTestHosts();
  const host = await hosts.start(NAME);
  for (const literal of ["127.0.0.1", "[127.0.0.1]", "[IPv6:::1]"]) {
    using session = await opened(host, { target: { host: literal } });
    assert.equal(session.facts.secured && session.facts.namesHost, false);
    assert.equal(host.sessions.at(-1)?.tls?.servername, "");
  }
});

test("a session comes from the source address that is set", async () => {
  await using hosts = createTestHosts();
  const host = await hosts.start(NAME);
  using _session = await opened(host, { target: { sourceAddress: "127.0.0.77" } });
  assert.equal(host.sessions[0]?.from, "127.0.0.77");
});

test("QUIT ends the session at both sides", async () => {
  await using hosts = createTestHosts();
  const host = await hosts.start(NAME);
  using session = await opened(host);
  session.quit();
  await host.until(() => host.sessions[0]?.open === false);
  assert.equal(host.sessions[0]?.commands.at(-1)?.line, "QUIT");
});

test("a session that the host ends while it waits is closed, and nothing is thrown", async () => {
  await using hosts = createTestHosts();
  const host = await hosts.start(NAME);
  using session = await opened(host);
  host.behave({});
  const probe = connect(host.port, host.address);
  await once(probe, "data");
  probe.destroy();
  assert.equal(session.closed, true);
});

test("a failed set-up leaves no connection behind", async () => {
  await using hosts = createTestHosts();
  const host = await hosts.start(NAME, { starttls: "absent" });
  assert.equal((await open(host)).kind, "failed");
  await host.until(() => host.sessions.every((session) => !session.open));
});
