import assert from "node:assert/strict";
import { test } from "node:test";
import { type Reached, reach } from "../../src/delivery/reach.ts";
import { createAuthority } from "../../src/lab/authority.ts";
import type { CertificateKind } from "../../src/lab/certificate-kind.ts";
import type { MxBehaviour } from "../../src/lab/mx-behaviour.ts";
import type { MxHost } from "../../src/lab/mx-host.ts";
import type { SessionTarget } from "../../src/smtp/session.ts";
import { type ConnectRequirement, FOR_LOGIN, OPPORTUNISTIC } from "../../src/tls/requirement.ts";
import { createTrust } from "../../src/tls/trust.ts";
import { createTestHosts, leakedTo } from "../support/test-hosts.ts";
import { createParts, under } from "./support/parts.ts";

const NAME = "mx.lab.test";
const MESSAGE = {
  from: "a@lab.test",
  to: ["b@lab.test"],
  data: Buffer.from("x\r\n"),
  smtputf8: false,
  eightBit: false,
};
const host = { name: NAME, port: 25, implicitTls: false };
const ENFORCE = under("enforce")(host) as ConnectRequirement;
const TESTING = under("testing")(host) as ConnectRequirement;
const UNLISTED = under("testing", ["other.lab.test"])(host) as ConnectRequirement;

const targetOf = ({ port }: MxHost): SessionTarget => ({ host: NAME, address: "127.0.0.1", port });

const OLD_TLS: MxBehaviour = { tls: { minVersion: "TLSv1", maxVersion: "TLSv1.1" } };
const REFUSED: MxBehaviour = { starttls: { reply: "454 4.7.0 not today" } };

/** What came of it, and over what; ends the session. */
function wordsOf(reached: Reached): string {
  switch (reached.kind) {
    case "session": {
      const { session, violation } = reached;
      session.close();
      return `${session.facts.secured ? "TLS" : "clear"}${violation === undefined ? "" : `, ${violation.resultType}`}`;
    }
    case "refused":
      return `refused, ${reached.shortfall.resultType} ${reached.deferral.status}`;
    case "failed":
      return `failed, ${reached.deferral.reason}`;
  }
}

test("the same fault is refused under enforce, reported under testing, and nothing without a policy (STS-VAL-4, STS-VAL-6, STS-VAL-7)", async () => {
  await using hosts = createTestHosts();
  using parts = createParts();
  const cases: [string, MxBehaviour, CertificateKind, string, string, string][] = [
    ["good", {}, "good", "TLS", "TLS", "TLS"],
    [
      "not offered",
      { starttls: "absent" },
      "good",
      "refused, starttls-not-supported 4.7.10",
      "clear, starttls-not-supported",
      "clear",
    ],
    ["454", REFUSED, "good", "refused, starttls-not-supported 4.7.10", "clear, starttls-not-supported", "clear"],
    ["TLS 1.1", OLD_TLS, "good", "refused, validation-failure 4.7.5", "TLS, validation-failure", "TLS"],
    [
      "injected",
      { starttls: { inject: "250 x\r\n" } },
      "good",
      "refused, validation-failure 4.7.5",
      "clear, validation-failure",
      "clear",
    ],
    ["self-signed", {}, "self-signed", "refused, certificate-not-trusted 4.7.5", "TLS, certificate-not-trusted", "TLS"],
    ["expired", {}, "expired", "refused, certificate-expired 4.7.5", "TLS, certificate-expired", "TLS"],
    [
      "CN only",
      {},
      "common-name-only",
      "refused, certificate-host-mismatch 4.7.5",
      "TLS, certificate-host-mismatch",
      "TLS",
    ],
    [
      "another name",
      {},
      "wrong-name",
      "refused, certificate-host-mismatch 4.7.5",
      "TLS, certificate-host-mismatch",
      "TLS",
    ],
    ["refuses all", { greeting: "554 no" }, "good", "failed, session", "failed, session", "failed, session"],
  ];
  for (const [what, behaviour, kind, ...expected] of cases) {
    const mx = await hosts.start(NAME, behaviour, kind);
    for (const [i, requirement] of [ENFORCE, TESTING, OPPORTUNISTIC].entries()) {
      assert.equal(wordsOf(await reach(parts, targetOf(mx), requirement, {})), expected[i], `${what}, ${i}`);
    }
    assert.equal(leakedTo(mx), "", what);
  }
});

test("without a binding policy a failed STARTTLS is followed by one connection in the clear, no more (RFC 7435)", async () => {
  await using hosts = createTestHosts();
  const mx = await hosts.start(NAME, REFUSED);
  for (const [requirement, expected] of [
    [OPPORTUNISTIC, ["try", "never"]],
    [TESTING, ["try", "never"]],
    [ENFORCE, ["require"]],
  ] as const) {
    using parts = createParts();
    await reach(parts, targetOf(mx), requirement, {}).then(wordsOf);
    assert.deepEqual(parts.openings, expected);
  }
  mx.behave({ greeting: "554 no" });
  using parts = createParts();
  assert.equal(wordsOf(await reach(parts, targetOf(mx), OPPORTUNISTIC, {})), "failed, session");
  assert.deepEqual(parts.openings, ["try"]);
});

test("a host that a testing policy does not list is delivered to and reported, whatever it proves (STS-VAL-6)", async () => {
  await using hosts = createTestHosts();
  using parts = createParts();
  const mx = await hosts.start(NAME);
  assert.equal(wordsOf(await reach(parts, targetOf(mx), UNLISTED, {})), "TLS, validation-failure");
});

test("a kept session is lent where its facts suffice, and only there (STS-VAL-13)", async () => {
  await using hosts = createTestHosts();
  const cases: [string, CertificateKind, ConnectRequirement, ConnectRequirement, "lent" | "not lent"][] = [
    ["enforced, then enforced", "good", ENFORCE, ENFORCE, "lent"],
    ["enforced, then nothing asked", "good", ENFORCE, OPPORTUNISTIC, "lent"],
    ["nothing asked, then nothing asked", "self-signed", OPPORTUNISTIC, OPPORTUNISTIC, "lent"],
    ["nothing asked, then testing", "self-signed", OPPORTUNISTIC, TESTING, "lent"],
    ["nothing asked of an untrusted host, then enforced", "self-signed", OPPORTUNISTIC, ENFORCE, "not lent"],
    ["a violation in testing, then enforced", "expired", TESTING, ENFORCE, "not lent"],
    // The lenient handshake takes weak keys and signatures: a good certificate proves less in it.
    ["nothing asked of a good host, then enforced", "good", OPPORTUNISTIC, ENFORCE, "not lent"],
  ];
  for (const [what, kind, before, now, expected] of cases) {
    using parts = createParts();
    const mx = await hosts.start(NAME, {}, kind);
    const first = await reach(parts, targetOf(mx), before, {});
    assert.equal(first.kind, "session", what);
    if (first.kind === "session") parts.pool.giveBack(first.session);
    const second = await reach(parts, targetOf(mx), now, {});
    assert.equal(second.kind === "session" && second.kept ? "lent" : "not lent", expected, what);
    wordsOf(second);
    assert.equal(leakedTo(mx), "", what);
  }
});

test("a kept session whose certificate has expired meanwhile is not lent to an enforced delivery (STS-VAL-13)", async () => {
  await using hosts = createTestHosts();
  let now = Date.now();
  using parts = createParts({ now: () => now });
  const mx = await hosts.start(NAME);
  const first = await reach(parts, targetOf(mx), ENFORCE, {});
  if (first.kind === "session") parts.pool.giveBack(first.session);
  now += 2 * 365 * 86_400_000;
  assert.equal(wordsOf(await reach(parts, targetOf(mx), ENFORCE, {})), "refused, certificate-expired 4.7.5");
});

test("a session of other roots is not lent: what is trusted may have changed (STS-VAL-12, STS-VAL-13)", async () => {
  await using hosts = createTestHosts();
  using parts = createParts();
  const mx = await hosts.start(NAME);
  const first = await reach(parts, targetOf(mx), ENFORCE, {});
  if (first.kind === "session") parts.pool.giveBack(first.session);
  const trust = createTrust((await createAuthority()).caPem);
  assert.equal(
    wordsOf(await reach({ ...parts, trust }, targetOf(mx), ENFORCE, {})),
    "refused, certificate-not-trusted 4.7.5",
  );
});

test("no kept session is lent to a fresh try, nor to one with a login", async () => {
  await using hosts = createTestHosts();
  using parts = createParts();
  const mx = await hosts.start(NAME);
  const first = await reach(parts, targetOf(mx), ENFORCE, {});
  if (first.kind === "session") parts.pool.giveBack(first.session);
  const fresh = await reach(parts, targetOf(mx), ENFORCE, { fresh: true });
  assert.equal(fresh.kind === "session" && fresh.kept, false);
  wordsOf(fresh);
  // The lab's hosts know no AUTH: that it was tried shows that the session is a new one.
  const login = { user: "me", password: "secret" };
  assert.match(wordsOf(await reach(parts, targetOf(mx), FOR_LOGIN, { login })), /^failed/);
});

test("a session that was refused is ended, and not kept", async () => {
  await using hosts = createTestHosts();
  using parts = createParts();
  const mx = await hosts.start(NAME, {}, "self-signed");
  await reach(parts, targetOf(mx), ENFORCE, {});
  await mx.until(() => mx.sessions.every(({ open }) => !open));
  assert.equal(mx.sessions[0]?.commands.at(-1)?.line, "QUIT");
});

test("a session that was lent still serves", async () => {
  await using hosts = createTestHosts();
  using parts = createParts();
  const mx = await hosts.start(NAME);
  for (let i = 0; i < 3; i += 1) {
    const reached = await reach(parts, targetOf(mx), ENFORCE, {});
    assert.ok(reached.kind === "session" && reached.kept === i > 0);
    await reached.session.send(MESSAGE);
    parts.pool.giveBack(reached.session);
  }
  assert.deepEqual([mx.sessions.length, mx.messages.length], [1, 3]);
});
