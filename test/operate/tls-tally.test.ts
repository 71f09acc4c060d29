import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionSeen } from "../../src/delivery/session-seen.ts";
import { createTlsTally, protectionOf } from "../../src/operate/tls-tally.ts";
import { connect } from "../../src/store/connection.ts";
import { createDomainTlsStore } from "../../src/store/domain-tls.ts";
import { OPPORTUNISTIC } from "../../src/tls/requirement.ts";
import type { HandshakeFacts } from "../../src/tls/verdict.ts";
import { startTestRedis } from "../support/redis.ts";

const AT = Date.parse("2026-11-22T10:00:00Z");
const DAY_MS = 86_400_000;

const verified: HandshakeFacts = {
  secured: true,
  protocol: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  namesHost: true,
  injected: false,
  certificate: { names: ["mx.example"], issuer: "Some CA", expiresAt: AT + 2 * DAY_MS },
};
const clear: HandshakeFacts = { secured: false, why: "not-offered", detail: "it does not offer STARTTLS" };
const shortfall = {
  kind: "fallsShort",
  resultType: "starttls-not-supported",
  reason: "it does not offer STARTTLS",
} as const;

const seen = (change: Partial<SessionSeen> = {}): SessionSeen => ({
  domain: "example.com",
  host: "mx.example",
  address: "192.0.2.1",
  requirement: OPPORTUNISTIC,
  facts: verified,
  at: AT,
  ...change,
});

test("a session is worth what it proved; one that was ended over what it lacks is refused", () => {
  const binding = { ...OPPORTUNISTIC, tls: "verified" as const };
  const cases: [string, Partial<SessionSeen>, string][] = [
    ["all proved", {}, "verified"],
    ["a wrong name, where nothing binds", { facts: { ...verified, namesHost: false } }, "encrypted"],
    ["no TLS, where nothing binds", { facts: clear }, "clear"],
    ["no TLS under enforce", { facts: clear, requirement: binding, shortfall }, "refused"],
    ["no TLS under testing", { facts: clear, requirement: { ...binding, reportOnly: true }, shortfall }, "clear"],
  ];
  for (const [what, change, expected] of cases) assert.equal(protectionOf(seen(change)), expected, what);
});

test("sessions are added up by domain and day, and a domain's hosts are kept as they were met last", async () => {
  await using redis = await startTestRedis();
  const connection = await connect({ target: { socketPath: redis.socketPath }, onState: () => undefined });
  await using _ = { [Symbol.asyncDispose]: () => connection.close() };
  const store = createDomainTlsStore(connection);
  const tally = createTlsTally({ store });
  for (let count = 0; count < 3; count += 1) tally.session(seen());
  tally.session(seen({ facts: clear, address: "192.0.2.2", at: AT + 1 }));
  tally.session(seen({ domain: "example.org", at: AT + 2 }));
  await tally.flush();
  tally.session(seen({ at: AT + DAY_MS }));
  await tally.flush();
  await tally.flush();

  assert.deepEqual(await store.domains(), ["example.com", "example.org"]);
  const [first] = await store.read(["example.com"]);
  assert.deepEqual(first?.days.get("2026-11-22"), { verified: 3, encrypted: 0, clear: 1, refused: 0 });
  assert.deepEqual(first?.days.get("2026-11-23"), { verified: 1, encrypted: 0, clear: 0, refused: 0 });
  assert.equal(first?.last?.at, "2026-11-23T10:00:00.000Z");
  const hosts = await store.hosts("example.com");
  assert.deepEqual(
    hosts.map(({ address, protection }) => [address, protection]),
    [
      ["192.0.2.1", "verified"],
      ["192.0.2.2", "clear"],
    ],
  );
  assert.deepEqual(hosts[0]?.certificate, {
    names: ["mx.example"],
    issuer: "Some CA",
    expiresAt: "2026-11-24T10:00:00.000Z",
  });
});

test("old days are thrown away, and of very many hosts those that were not met for longest", async () => {
  await using redis = await startTestRedis();
  const connection = await connect({ target: { socketPath: redis.socketPath }, onState: () => undefined });
  await using _ = { [Symbol.asyncDispose]: () => connection.close() };
  const store = createDomainTlsStore(connection);
  const tally = createTlsTally({ store });
  for (let day = 0; day < 60; day += 1) {
    const at = AT + day * DAY_MS;
    for (const facts of [verified, clear, { ...verified, namesHost: false }]) {
      tally.session(seen({ at, facts, address: `192.0.2.${day}` }));
    }
    await tally.flush();
  }
  const [read] = await store.read(["example.com"]);
  assert.ok((read?.days.size ?? 0) <= 20, String(read?.days.size));
  assert.ok(read?.days.has("2027-01-20"));
  const hosts = await store.hosts("example.com");
  assert.equal(hosts.length, 30);
  assert.equal(hosts.at(-1)?.address, "192.0.2.30");
});
