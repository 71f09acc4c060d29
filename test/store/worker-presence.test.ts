import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { identify } from "../../src/store/process-identity.ts";
import { isDead, ownPlace } from "../../src/store/worker-place.ts";
import { type Presence, type PresenceParts, startPresence } from "../../src/store/worker-presence.ts";
import { startTestRedis } from "../support/redis.ts";
import { open, type Opened, until } from "./support.ts";

const JOB = "M1/one.example";
const lockOf = (job: string) => `{relay}:delivery:${job}:lock`;

type Bench = {
  connection: Opened;
  /** How many jobs were freed, at each time. */
  freed: number[];
  start: (id: string, change?: Partial<PresenceParts>) => Presence;
};

async function withBench(use: (bench: Bench) => Promise<void>): Promise<void> {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const freed: number[] = [];
  const presences: Presence[] = [];
  const start = (id: string, change: Partial<PresenceParts> = {}) => {
    const presence = startPresence({
      redis: connection.redis,
      id,
      inHand: new Map(),
      moveFreed: async () => undefined,
      silenceMs: 60,
      onFault: (err) => assert.fail(String(err)),
      onFreed: (jobs) => freed.push(jobs),
      ...change,
    });
    presences.push(presence);
    return presence;
  };
  try {
    await use({ connection, freed, start });
  } finally {
    await Promise.all(presences.map((presence) => presence.end(true)));
  }
}

const activate = (connection: Opened, token: string) =>
  connection.redis.multi().rpush("{relay}:delivery:active", JOB).set(lockOf(JOB), token).exec();

const isLocked = async (connection: Opened) => (await connection.redis.exists(lockOf(JOB))) === 1;

/** So many beats have gone by, that of others counted by the clock of Redis. */
async function beats(connection: Opened, count: number): Promise<void> {
  const lasts = new Set<string | null>();
  await until(async () => lasts.add(await connection.redis.hget("{relay}:workers", "@last")).size > count, "beats");
}

test("the jobs of a worker that lives are left alone, and a goodbye takes it out of the list", () =>
  withBench(async ({ connection, freed, start }) => {
    const [one] = [start("one", { inHand: new Map([[JOB, "one:1"]]) }), start("two")];
    await activate(connection, "one:1");
    await beats(connection, 30);
    assert.deepEqual(freed, []);
    assert.equal(await isLocked(connection), true);
    await one.end(true);
    assert.equal(await connection.redis.hexists("{relay}:workers", "one"), 0);
  }));

test("a worker that falls silent while others are heard loses its jobs, not before its time", () =>
  withBench(async ({ connection, freed, start }) => {
    const silenceMs = 300;
    const dying = start("dying", { silenceMs });
    start("other", { silenceMs });
    await activate(connection, "dying:7");
    await dying.begun;
    await dying.end(false);
    const begun = Date.now();
    await until(() => freed.length > 0, "its job is freed");
    assert.ok(Date.now() - begun >= silenceMs * 0.7, `${Date.now() - begun} ms`);
    assert.equal(await isLocked(connection), false);
    assert.equal(await connection.redis.sismember("{relay}:delivery:stalled", JOB), 1);
    assert.deepEqual(freed, [1]);
  }));

test("when all were silent, as with Redis away, nobody is held for dead before another such time has passed", () =>
  withBench(async ({ connection, freed, start }) => {
    // Both were heard of an hour ago, and the one comes back first.
    const longAgo = Date.now() - 3_600_000;
    await connection.redis.hset("{relay}:workers", { "@last": longAgo, "@since": 0, late: `${longAgo} ` });
    await activate(connection, "late:1");
    const silenceMs = 1_000;
    const first = start("first", { silenceMs });
    await first.begun;
    await beats(connection, 2);
    assert.equal(await isLocked(connection), true);
    start("late", { silenceMs, inHand: new Map([[JOB, "late:1"]]) });
    await beats(connection, 16);
    assert.deepEqual(freed, []);
    assert.equal(await isLocked(connection), true);
  }));

test("a worker whose process has ended on this machine is not waited for", { skip: ownPlace() === "" }, () =>
  withBench(async ({ connection, freed, start }) => {
    const child = spawn("sleep", ["60"]);
    const who = identify(child.pid ?? 0);
    assert.ok(who);
    const place = `${ownPlace().split(" ")[0]} ${who.pid} ${who.startedAt}`;
    assert.equal(isDead(place), false);
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal(isDead(place), true);
    // Nothing is known of another machine, or of another container.
    assert.equal(isDead(place.replace(/^\S+/, "another/pid:[1]")), false);
    await connection.redis.hset("{relay}:workers", { dead: `${Date.now()} ${place}` });
    await activate(connection, "dead:3");
    await start("next", { silenceMs: 3_600_000 }).begun;
    assert.deepEqual(freed, [1]);
    assert.equal(await connection.redis.hexists("{relay}:workers", "dead"), 0);
  }),
);

test("a job that Redis gave to a worker and the worker never heard of is given back; one that is in hand is not", () =>
  withBench(async ({ connection, freed, start }) => {
    const inHand = new Map<string, string>();
    await activate(connection, "me:5");
    inHand.set(JOB, "me:5");
    start("me", { inHand });
    await beats(connection, 5);
    assert.equal(await isLocked(connection), true);
    // In hand as the second of that name: the first token was lost on the way.
    inHand.set(JOB, "me:6");
    await until(async () => !(await isLocked(connection)), "it is freed");
    assert.deepEqual(freed, [1]);
  }));
