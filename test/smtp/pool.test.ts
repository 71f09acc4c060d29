import assert from "node:assert/strict";
import { test } from "node:test";
import { createSessionPool, type SessionPool } from "../../src/smtp/pool.ts";
import type { SessionTarget } from "../../src/smtp/session.ts";
import { createTestHosts } from "../support/test-hosts.ts";
import { NAME, opened } from "./support/open.ts";

const LIMITS = { idleMs: 60_000, messagesPerSession: 100 };
const any = () => true;

function poolFor(limits: Partial<typeof LIMITS> = {}): SessionPool & Disposable {
  const pool = createSessionPool({ ...LIMITS, ...limits });
  return { ...pool, [Symbol.dispose]: () => pool.close() };
}

test("a session that was given back is lent to the next one for the same place, and to one only", async () => {
  await using hosts = createTestHosts();
  using pool = poolFor();
  const session = await opened(await hosts.start(NAME));
  assert.equal(pool.lend(session.target, any), undefined);
  pool.giveBack(session);
  assert.equal(pool.lend({ ...session.target }, any), session);
  assert.equal(pool.lend(session.target, any), undefined);
  session.close();
});

test("another name, address, port, source address or kind of TLS is another place (STS-VAL-13)", async () => {
  await using hosts = createTestHosts();
  using pool = poolFor();
  const session = await opened(await hosts.start(NAME));
  pool.giveBack(session);
  const others: Partial<SessionTarget>[] = [
    { host: "mx2.lab.test" },
    { address: "127.0.0.2" },
    { port: session.target.port + 1 },
    { sourceAddress: "127.0.0.3" },
    { implicitTls: true },
  ];
  for (const other of others) assert.equal(pool.lend({ ...session.target, ...other }, any), undefined);
  assert.equal(pool.lend(session.target, any), session);
  session.close();
});

test("the borrower judges each session, the newest first, and those it refuses stay (STS-VAL-13)", async () => {
  await using hosts = createTestHosts();
  using pool = poolFor();
  const host = await hosts.start(NAME);
  const sessions = [await opened(host), await opened(host, { starttls: "never" }), await opened(host)];
  for (const session of sessions) pool.giveBack(session);
  const target = { ...sessions[0]?.target } as SessionTarget;
  assert.equal(
    pool.lend(target, () => false),
    undefined,
  );
  assert.equal(
    pool.lend(target, ({ facts }) => !facts.secured),
    sessions[1],
  );
  assert.equal(
    pool.lend(target, ({ facts }) => facts.secured),
    sessions[2],
  );
  assert.equal(pool.lend(target, any), sessions[0]);
  for (const session of sessions) session.close();
});

test("a session that waits too long is ended with QUIT", async () => {
  await using hosts = createTestHosts();
  using pool = poolFor({ idleMs: 20 });
  const host = await hosts.start(NAME);
  const session = await opened(host);
  pool.giveBack(session);
  await host.until(() => host.sessions[0]?.open === false);
  assert.equal(host.sessions[0]?.commands.at(-1)?.line, "QUIT");
  assert.equal(pool.lend(session.target, any), undefined);
});

test("a session that is lent again in time is not ended under its borrower", async () => {
  await using hosts = createTestHosts();
  using pool = poolFor({ idleMs: 30 });
  const host = await hosts.start(NAME);
  using session = await opened(host);
  pool.giveBack(session);
  assert.equal(pool.lend(session.target, any), session);
  const other = await opened(host);
  pool.giveBack(other);
  await host.until(() => host.sessions[1]?.open === false);
  assert.equal(host.sessions[0]?.open, true);
});

test("a session ends after its number of messages", async () => {
  await using hosts = createTestHosts();
  using pool = poolFor({ messagesPerSession: 2 });
  const host = await hosts.start(NAME);
  const session = await opened(host);
  pool.giveBack(session);
  assert.equal(pool.lend(session.target, any), session);
  pool.giveBack(session);
  assert.equal(pool.lend(session.target, any), undefined);
  await host.until(() => host.sessions[0]?.open === false);
});

test("a session that the host has ended meanwhile is not lent, nor taken back", async () => {
  await using hosts = createTestHosts();
  using pool = poolFor();
  const host = await hosts.start(NAME);
  const kept = await opened(host);
  const lent = await opened(host);
  pool.giveBack(kept);
  host.behave({});
  const later = await opened(host);
  assert.deepEqual([kept.closed, lent.closed, later.closed], [true, true, false]);
  pool.giveBack(lent);
  assert.equal(pool.lend(kept.target, any), undefined);
  later.close();
});

test("the end of the pool ends what it keeps, and what comes back to it later", async () => {
  await using hosts = createTestHosts();
  const pool = poolFor();
  const host = await hosts.start(NAME);
  const [kept, lent] = [await opened(host), await opened(host)];
  pool.giveBack(kept);
  pool.close();
  await host.until(() => host.sessions[0]?.open === false);
  assert.equal(host.sessions[1]?.open, true);
  pool.giveBack(lent);
  await host.until(() => host.sessions[1]?.open === false);
  assert.equal(pool.lend(lent.target, any), undefined);
});
