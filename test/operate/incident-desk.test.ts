import assert from "node:assert/strict";
import { test } from "node:test";
import { createIncidentDesk } from "../../src/operate/incident-desk.ts";
import { createIncidentStore, type Incident } from "../../src/store/incidents.ts";
import { createTlsSites } from "../../src/store/tls-sites.ts";
import { open } from "../store/support.ts";
import { startTestRedis } from "../support/redis.ts";
import { DAY, encrypted, HOUR, inTheClear, knownPolicy, NOW, session } from "./support.ts";

/** One process. */
async function openDesk(socketPath: string) {
  const connection = await open(socketPath);
  const clock = { now: NOW };
  const told: string[] = [];
  const words = ({ cause, subject }: Incident) => `${cause} ${subject}`;
  const store = createIncidentStore(connection);
  const desk = createIncidentDesk({
    store,
    sites: createTlsSites(connection),
    now: () => clock.now,
    certificateWarningMs: 14 * DAY,
    tlsLoss: { sites: 3, withinMs: 600_000 },
    onOpened: (incident) => told.push(`opened ${words(incident)}`),
    onClosed: (incident) => told.push(`closed ${words(incident)}`),
  });
  return { ...desk, clock, told, store, [Symbol.asyncDispose]: () => connection.close() };
}

const failing = (domain = "a.example") =>
  ({ kind: "refresh-failed", domain, detail: "status 503", cached: knownPolicy({}, domain) }) as const;

test("one incident for each domain and cause, told once when it opens and once when it is over, however often it is met", async () => {
  await using redis = await startTestRedis();
  await using one = await openDesk(redis.socketPath);
  await using two = await openDesk(redis.socketPath);
  for (const desk of [one, two, one]) {
    desk.policy({ kind: "record-gone", domain: "a.example", cached: knownPolicy() });
    desk.policy({ kind: "record-gone", domain: "a.example", cached: knownPolicy() });
    await desk.flush();
  }
  await Promise.all([one.flush(), two.flush()]);
  assert.deepEqual([...one.told, ...two.told], ["opened record-gone a.example"]);
  const [incident] = await one.store.current();
  assert.equal(incident?.count, 6);

  two.policy({ kind: "renewed", known: knownPolicy() });
  await two.flush();
  assert.deepEqual(two.told, ["closed record-gone a.example"]);
  assert.deepEqual(await one.store.current(), []);
});

test("a refresh that fails is shown after a day of failing, and not when it worked in between", async () => {
  await using redis = await startTestRedis();
  await using desk = await openDesk(redis.socketPath);
  const hours = async (count: number) => {
    for (let hour = 0; hour < count; hour++) {
      desk.policy(failing());
      await desk.flush();
      desk.clock.now += HOUR;
    }
  };
  await hours(20);
  desk.policy({ kind: "renewed", known: knownPolicy() });
  await desk.flush();
  await hours(24);
  assert.deepEqual(desk.told, []);
  await hours(2);
  assert.deepEqual(desk.told, ["opened refresh-failing a.example"]);
});

test("what has an end is over then, by the clock", async () => {
  await using redis = await startTestRedis();
  await using desk = await openDesk(redis.socketPath);
  desk.policy({ kind: "record-gone", domain: "a.example", cached: knownPolicy() });
  desk.policy(failing());
  await desk.sweep();
  assert.equal((await desk.store.current()).length, 2);
  desk.clock.now = knownPolicy().expiresAt;
  await desk.sweep();
  assert.deepEqual(await desk.store.current(), []);
  assert.deepEqual(desk.told, ["opened record-gone a.example", "closed record-gone a.example"]);
});

test("a certificate near its end is told once, and over when the host shows a new one at that address, to any process", async () => {
  await using redis = await startTestRedis();
  await using one = await openDesk(redis.socketPath);
  await using two = await openDesk(redis.socketPath);
  const near = encrypted(NOW + DAY);
  for (const domain of ["a.example", "b.example", "c.example"]) one.session(session({ domain, facts: near }));
  await one.flush();
  assert.deepEqual(one.told, ["opened certificate-expiring mx.a.example"]);
  await two.sweep();
  two.session(session({ address: "192.0.2.2" }));
  await two.flush();
  assert.deepEqual(two.told, [], "another machine behind the same name");
  two.session(session());
  await two.flush();
  assert.deepEqual(two.told, ["closed certificate-expiring mx.a.example"]);
});

test("sites that lose TLS together are one incident, and hosts of one site do not make it", async () => {
  await using redis = await startTestRedis();
  await using desk = await openDesk(redis.socketPath);
  const hosts = ["mx1.a.example", "mx2.a.example", "mx3.a.example", "mx.b.test", "mx.c.test"];
  const see = async (some: string[], facts: ReturnType<typeof encrypted>) => {
    for (const host of some) desk.session(session({ host, facts, at: desk.clock.now }));
    desk.clock.now += 60_000;
    await desk.sweep();
  };
  await see(hosts, encrypted());
  await see(hosts.slice(0, 4), inTheClear);
  assert.deepEqual(desk.told, [], "two sites");
  await see(hosts.slice(4), inTheClear);
  assert.deepEqual(desk.told, ["opened tls-lost *"]);
  await see(hosts.slice(0, 4), encrypted());
  assert.deepEqual(desk.told, ["opened tls-lost *", "closed tls-lost *"]);
});

test("with Redis away nothing is lost that was met meanwhile", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createIncidentStore(connection);
  let isAway = true;
  const desk = createIncidentDesk({
    store: { ...store, change: (...what) => (isAway ? Promise.reject(new Error("away")) : store.change(...what)) },
    sites: createTlsSites(connection),
    now: () => NOW,
    certificateWarningMs: 0,
    tlsLoss: { sites: 3, withinMs: 1 },
    onOpened: () => undefined,
    onClosed: () => undefined,
  });
  desk.policy({ kind: "record-gone", domain: "a.example", cached: knownPolicy() });
  await assert.rejects(desk.flush(), /away/);
  desk.policy({ kind: "record-gone", domain: "a.example", cached: knownPolicy() });
  isAway = false;
  await desk.flush();
  assert.equal((await store.current())[0]?.count, 2);
});
