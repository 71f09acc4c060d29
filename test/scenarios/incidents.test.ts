/** What an operator is told of while the relay works: incidents, and what `enforce` would have refused. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { startLab } from "../../src/lab/lab.ts";
import { dayOf } from "../../src/operate/shadow.ts";
import { connect } from "../../src/store/connection.ts";
import { createShadowStore } from "../../src/store/shadow.ts";
import { until } from "../store/support.ts";
import { startTestRelay } from "../support/relay.ts";
import { startTcpRedis } from "../support/tcp-redis.ts";

const SECRET = "a long random text";

async function startReceiver() {
  const received: { event: string; body: string; signature: string }[] = [];
  const server = createServer((request, response) => {
    void request.toArray().then((chunks) => {
      const { "sts-relay-event": event, "sts-relay-signature": signature } = request.headers;
      const body = Buffer.concat(chunks as Buffer[]).toString();
      received.push({ event: String(event), body, signature: String(signature) });
      response.writeHead(204).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    received,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

test("a policy that becomes weaker, a record that goes and a certificate near its end are told once, to the log and to webhooks (RFC 8461 section 10.2)", async () => {
  const domains = ["enforce-to-none.test", "record-vanishes.test"];
  await using lab = await startLab({ only: domains });
  await using receiver = await startReceiver();
  await using relay = await startTestRelay(lab, {
    incidents: { certificateWarning: "365d" },
    webhooks: [{ url: receiver.url, secret: SECRET, events: ["incident-opened"] }],
    network: { allow: [...lab.settings.allow, "127.0.0.1/32"] },
  });
  const sendToAll = () => Promise.all(domains.map((domain) => relay.send(`user@${domain}`)));
  await sendToAll();
  for (const { next } of lab.domains) next?.change(lab);
  await sendToAll();
  await sendToAll();
  const expected = [
    ["certificate-expiring", "mx.enforce-to-none.test"],
    ["certificate-expiring", "mx.record-vanishes.test"],
    ["policy-weakened", "enforce-to-none.test"],
    ["record-gone", "record-vanishes.test"],
  ];
  for (const [cause, subject] of expected) await relay.logged("incident-opened", { cause, subject });
  await until(() => receiver.received.length === expected.length, "the webhook is told");
  const told = receiver.received.map(({ event, body, signature }) => {
    const t = /^t=(\d+),/.exec(signature)?.[1];
    const hmac = createHmac("sha256", SECRET).update(`${t}.${body}`).digest("hex");
    assert.equal(signature, `t=${t},v1=${hmac}`);
    const { incident } = JSON.parse(body) as { incident: { cause: string; subject: string } };
    return [event, incident.cause, incident.subject].join(" ");
  });
  assert.deepEqual(
    told.sort(),
    expected.map((words) => ["incident-opened", ...words].join(" ")),
  );
  await relay.relay.stop();
  const opened = relay.log.filter(({ event }) => event === "incident-opened");
  assert.equal(opened.length, expected.length, "once, however often it was met");
});

test("what enforce would have refused yesterday is told once, by one of two relays (RFC 8461 section 3.2, mode testing)", async () => {
  await using redis = await startTcpRedis();
  const connection = await connect({ target: { url: redis.url }, onState: () => undefined });
  const day = dayOf(Date.now() - 86_400_000);
  const why = { "mx.bad.test: its certificate expired on 2026-11-21 (certificate-expired)": 2 };
  await createShadowStore(connection).add([
    { domain: "bad.test", day, messages: 3, refused: 2, why },
    { domain: "good.test", day, messages: 5, refused: 0, why: {} },
  ]);
  await connection.close();
  await using one = await startTestRelay(undefined, { redis: { url: redis.url } });
  await using two = await startTestRelay(undefined, { redis: { url: redis.url } });
  const line = await Promise.race([one.logged("shadow-summary"), two.logged("shadow-summary")]);
  assert.deepEqual([line["day"], line["ready"]], [day, ["good.test"]]);
  assert.deepEqual(line["failing"], [{ domain: "bad.test", messages: 3, refused: 2, why: Object.keys(why) }]);
  await Promise.all([one.relay.stop(), two.relay.stop()]);
  assert.equal([...one.log, ...two.log].filter(({ event }) => event === "shadow-summary").length, 1);
});

test("mail under a policy in mode testing is counted for what enforce would have refused, host and reason (RFC 8461 section 3.2)", async () => {
  const domains = ["good-testing.test", "testing-expired.test", "testing-mx-not-listed.test", "no-policy.test"];
  await using redis = await startTcpRedis();
  await using lab = await startLab({ only: domains });
  await using relay = await startTestRelay(lab, { redis: { url: redis.url } });
  for (const domain of [...domains, ...domains]) await relay.send(`user@${domain}`);
  await relay.relay.stop();
  const connection = await connect({ target: { url: redis.url }, onState: () => undefined });
  const days = await createShadowStore(connection).read([dayOf(Date.now())]);
  await connection.close();
  const counts = days
    .sort((a, b) => a.domain.localeCompare(b.domain))
    .map(({ domain, messages, refused, why }) => [domain, messages, refused, Object.keys(why).join()]);
  assert.deepEqual(counts, [
    ["good-testing.test", 2, 0, ""],
    ["testing-expired.test", 2, 2, expiredWords()],
    [
      "testing-mx-not-listed.test",
      2,
      2,
      "mx.testing-mx-not-listed.test: the domain's MTA-STS policy does not list this MX host (validation-failure)",
    ],
  ]);
});

const expiredWords = () =>
  `mx.testing-expired.test: its certificate expired on ${dayOf(Date.now() - 86_400_000)} (certificate-expired)`;
