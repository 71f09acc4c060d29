/** Mail servers of others as MX hosts under an enforced policy: what they take from the relay, and what they never see. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Lab, startLab } from "../../src/lab/lab.ts";
import type { SettledOutcome } from "../../src/relay/outcomes.ts";
import { awkwardMessage } from "../support/awkward-message.ts";
import { exim } from "../support/real-exim.ts";
import { postfix } from "../support/real-postfix.ts";
import {
  type EndedSession,
  type RealServer,
  type RealServerKind,
  skipWithoutServer,
  until,
} from "../support/real-server.ts";
import { startTestRelay } from "../support/relay.ts";
import { makeTempDir, type TempDir } from "../support/temp-dir.ts";

const SERVERS: RealServerKind[] = [postfix, exim];

const DOMAIN = "real.test";
const HOST = `mx.${DOMAIN}`;

const [FIRST, PARTLY, REFUSED, LAST] = ["first", "partly", "refused", "last"].map(
  (word) => `Subject: ${word}\r\n\r\nthe ${word} one\r\n`,
) as [string, string, string, string];
const EIGHT_BIT = awkwardMessage("utf-8").toString();

for (const kind of SERVERS) {
  test(`${kind.name} takes message after message over one verified session, with refused recipients in between (RFC 8461 section 5, RFC 5321 section 3.3)`, async (t) => {
    if (skipWithoutServer(t, kind)) return;
    await using lab = await startLab({ only: [] });
    await using dir = await makeTempDir();
    await using server = await startAsMx(kind, lab, dir, HOST);
    await using relay = await startTestRelay(lab, { delivery: { sessionIdle: "1m" } });
    const send = async (users: string[], text: string) => {
      const to = users.map((user) => `${user}@${DOMAIN}`);
      return relay.settled(await relay.submit(to, text), DOMAIN);
    };

    assertOutcome(await send(["anna"], FIRST), "delivered");
    // The unknown one is in the middle: RCPT goes on after a refusal.
    assertOutcome(await send(["anna", "nobody", "carl"], PARTLY), "mixed", /550/);
    // No recipient is left, and the transaction stays open: MAIL comes next, and must not be nested.
    assertOutcome(await send(["nobody"], REFUSED), "failed", /550/);
    assertOutcome(await send(["bert"], EIGHT_BIT), "delivered");
    assertOutcome(await send(["anna", "bert", "carl"], LAST), "delivered");

    await relay.relay.stop();
    assert.deepEqual(await endedSessions(server), [{ tls: true, mails: 5, messages: 4 }]);
    await assertMailbox(server, "anna", [FIRST, PARTLY, LAST]);
    await assertMailbox(server, "bert", [EIGHT_BIT, LAST]);
    await assertMailbox(server, "carl", [PARTLY, LAST]);
  });

  test(`${kind.name} with a certificate for another name learns nothing of a message (RFC 8461 section 4.2)`, async (t) => {
    if (skipWithoutServer(t, kind)) return;
    await using lab = await startLab({ only: [] });
    await using dir = await makeTempDir();
    await using server = await startAsMx(kind, lab, dir, `other.${DOMAIN}`);
    await using relay = await startTestRelay(lab);
    const { outcome, tls, reason } = await relay.send(`anna@${DOMAIN}`, FIRST);
    assert.deepEqual([outcome, tls], ["deferred", "none"]);
    assert.match(reason, /its certificate is for other\.real\.test/);

    await relay.relay.stop();
    assert.deepEqual(await endedSessions(server), [{ tls: true, mails: 0, messages: 0 }]);
    assert.deepEqual(await server.mailbox("anna"), []);
    assert.doesNotMatch(await server.log(), /sender\.test|anna/);
  });
}

/** The server at an address of the lab, as the one MX host of a domain with an enforced policy. */
async function startAsMx(kind: RealServerKind, lab: Lab, dir: TempDir, certificateName: string): Promise<RealServer> {
  const address = lab.policyHosts.address.replace(/\d+$/, "200");
  await lab.add({ name: DOMAIN, mx: [{ name: HOST, closed: true }], policy: { mode: "enforce" } });
  lab.dns.set(HOST, "A", [address], { ttl: 0 });
  return kind.start({
    dir: dir.path,
    address,
    port: lab.settings.deliveryPort,
    hostname: HOST,
    domain: DOMAIN,
    users: ["anna", "bert", "carl"],
    certificate: await lab.authority.issue({ names: [certificateName] }),
  });
}

function assertOutcome(given: SettledOutcome, outcome: SettledOutcome["outcome"], reason = /./): void {
  assert.deepEqual([given.outcome, given.tls], [outcome, "verified"], given.reason);
  assert.match(given.reason, reason);
}

/** Waits until the relay has gone. */
function endedSessions(server: RealServer): Promise<EndedSession[]> {
  const look = async () => {
    const sessions = await server.sessions();
    return sessions.length > 0 ? sessions : undefined;
  };
  return until("a session has ended", look, server.log);
}

/** These messages and no others, in any order: each with its bytes unchanged below what servers put on top. */
async function assertMailbox(server: RealServer, user: string, texts: string[]): Promise<void> {
  const look = async () => {
    const messages = await server.mailbox(user);
    return messages.length >= texts.length ? messages : undefined;
  };
  const messages = await until(`${texts.length} messages for ${user}`, look, server.log);
  assert.equal(messages.length, texts.length);
  for (const text of texts) {
    const end = Buffer.from(text.replaceAll("\r\n", "\n"));
    const arrived = messages.filter((message) => message.subarray(-end.length).equals(end));
    assert.equal(arrived.length, 1, `${user}: ${text}\n${messages.join("\n")}`);
    assert.match(arrived.toString(), /^Received: .*\(\[127\.0\.0\.1\]\)[^]*by relay\.test/m);
  }
}
