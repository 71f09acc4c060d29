/**
 * Redis killed, hung, full, without a disk, robbed by hand: what clients are
 * told, what becomes of mail in the queue, and that all of it mends itself.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { startExternalRedis } from "../../scripts/lib/external-redis.ts";
import { type Lab, startLab } from "../../src/lab/lab.ts";
import type { MxHost } from "../../src/lab/mx-host.ts";
import { identityFile } from "../../src/store/server-process.ts";
import { socketPathFor } from "../../src/store/socket-path.ts";
import { startTestRelay, type TestRelay } from "../support/relay.ts";
import { until } from "../store/support.ts";

const DOMAIN = "no-policy.test";
const retry = { schedule: ["1s"] };

/** A lab with one domain, whose host puts mail off until told otherwise. */
async function startBusyLab(): Promise<AsyncDisposable & { lab: Lab; host: MxHost }> {
  const lab = await startLab({ only: [DOMAIN] });
  const [host] = lab.hostsOf(DOMAIN);
  assert.ok(host);
  host.behave({ rcpt: () => "451 4.3.0 not now" });
  return { lab, host, [Symbol.asyncDispose]: () => lab.close() };
}

const accepts = (host: MxHost) => host.behave({ rcpt: () => undefined });

const subjectsAt = (host: MxHost) =>
  host.messages
    .map(({ data }) => /^Subject: (.*)$/m.exec(data.toString("latin1"))?.[1]?.trim() ?? "")
    .toSorted((a, b) => a.localeCompare(b));

const letter = (subject: string, lines = 1) => `Subject: ${subject}\r\n\r\n${`${"x".repeat(98)}\r\n`.repeat(lines)}`;

/** The reply, or `undefined` when it was taken, and how long that took. */
async function trySubmit(relay: TestRelay, text: string): Promise<{ reply: string | undefined; ms: number }> {
  const begun = performance.now();
  const reply = await relay.submit(`user@${DOMAIN}`, text).then(
    () => undefined,
    (err: Error) => err.message,
  );
  return { reply, ms: performance.now() - begun };
}

const ownRedisPid = (relay: TestRelay): number =>
  (JSON.parse(readFileSync(identityFile(join(relay.dir, "redis")), "utf8")) as { pid: number }).pid;

const openOwnRedis = (relay: TestRelay) => new Redis({ path: socketPathFor(join(relay.dir, "redis"), tmpdir()) });

async function scratch(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "sts-relay-faults-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

test("an external Redis that is killed: 451 at once, and what was queued is delivered once when it is back", async () => {
  await using busy = await startBusyLab();
  await using dir = await scratch();
  await using stack = new AsyncDisposableStack();
  const redis = await startExternalRedis(dir.path, stack);
  await using relay = await startTestRelay(busy.lab, { retry, redis: { url: `redis://127.0.0.1:${redis.port}` } });
  const queued = await relay.submit(`user@${DOMAIN}`, letter("queued"));
  await relay.settled(queued, DOMAIN);
  await redis.kill();
  await relay.logged("redis-lost");
  for (let i = 0; i < 3; i++) {
    const { reply, ms } = await trySubmit(relay, letter("refused"));
    assert.match(reply ?? "taken", /^451 4\.3\.0 /);
    assert.ok(ms < 500, `${ms} ms`);
  }
  accepts(busy.host);
  redis.start();
  await relay.logged("redis-back");
  await until(async () => (await trySubmit(relay, letter("later"))).reply === undefined, "mail is taken again");
  await busy.host.until(() => busy.host.messages.length >= 2);
  assert.deepEqual(subjectsAt(busy.host), ["later", "queued"]);
});

test("the relay's own Redis that is killed is started again, with the queue in it", async () => {
  await using busy = await startBusyLab();
  await using relay = await startTestRelay(busy.lab, { retry });
  await relay.settled(await relay.submit(`user@${DOMAIN}`, letter("queued")), DOMAIN);
  accepts(busy.host);
  process.kill(ownRedisPid(relay), "SIGKILL");
  await relay.logged("redis-back");
  await busy.host.until(() => busy.host.messages.length >= 1);
  assert.equal((await trySubmit(relay, letter("after"))).reply, undefined);
  await busy.host.until(() => busy.host.messages.length >= 2);
  assert.deepEqual(subjectsAt(busy.host), ["after", "queued"]);
});

test("a Redis that hangs: 451 when the command timeout is over, then at once, and it goes on by itself", async () => {
  await using busy = await startBusyLab();
  await using relay = await startTestRelay(busy.lab, { retry, redis: { commandTimeout: "400ms" } });
  await relay.settled(await relay.submit(`user@${DOMAIN}`, letter("queued")), DOMAIN);
  const pid = ownRedisPid(relay);
  process.kill(pid, "SIGSTOP");
  try {
    const { reply, ms } = await trySubmit(relay, letter("refused"));
    assert.match(reply ?? "taken", /^451 4\.3\.0 /);
    assert.ok(ms < 2_000, `${ms} ms`);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  accepts(busy.host);
  await until(async () => (await trySubmit(relay, letter("later"))).reply === undefined, "mail is taken again");
  await busy.host.until(() => subjectsAt(busy.host).includes("queued") && subjectsAt(busy.host).includes("later"));
  // What was answered 451 may have been taken in the moment of waking: its client sends it again anyway.
  const certain = subjectsAt(busy.host).filter((subject) => subject !== "refused");
  assert.deepEqual(certain, ["later", "queued"]);
});

test("before Redis is full intake stops with 452, and goes on by itself when there is room", async () => {
  await using busy = await startBusyLab();
  await using relay = await startTestRelay(busy.lab, { retry, redis: { maxMemory: "16MiB", stopIntakeAt: 0.5 } });
  let taken = 0;
  let refusal: string | undefined;
  while (refusal === undefined && taken < 100) {
    refusal = (await trySubmit(relay, letter(`${taken}`, 5_000))).reply;
    if (refusal === undefined) taken += 1;
  }
  assert.match(refusal ?? "", /^452 4\.3\.1 /);
  assert.ok(taken > 3 && taken < 20, `${taken} messages of half a megabyte`);
  await relay.logged("intake-stopped");
  accepts(busy.host);
  await until(async () => (await trySubmit(relay, letter("after"))).reply === undefined, "mail is taken again");
  await busy.host.until(() => busy.host.messages.length >= taken + 1);
  assert.equal(new Set(subjectsAt(busy.host)).size, taken + 1);
  await relay.logged("intake-resumed");
});

test("a Redis that is full beyond the watermark: 452, nothing sent twice, and it goes on when there is room", async () => {
  await using busy = await startBusyLab();
  await using relay = await startTestRelay(busy.lab, { retry });
  await relay.settled(await relay.submit(`user@${DOMAIN}`, letter("queued")), DOMAIN);
  const redis = openOwnRedis(relay);
  try {
    await redis.config("SET", "maxmemory", "1mb");
    assert.match((await trySubmit(relay, letter("refused"))).reply ?? "taken", /^452 4\.3\.1 /);
    await redis.config("SET", "maxmemory", "256mb");
  } finally {
    redis.disconnect();
  }
  accepts(busy.host);
  await until(async () => (await trySubmit(relay, letter("later"))).reply === undefined, "mail is taken again");
  await busy.host.until(() => busy.host.messages.length >= 2);
  assert.deepEqual(subjectsAt(busy.host), ["later", "queued"]);
});

test("a full disk: clients are told 451 or 452, and all that was taken is delivered when there is room", async (t) => {
  const disk = await mountSmallDisk(t);
  if (disk === undefined) return t.skip("only root can mount a small disk");
  await using busy = await startBusyLab();
  await using relay = await startTestRelay(busy.lab, { retry, redis: { dir: join(disk, "redis") } });
  await relay.settled(await relay.submit(`user@${DOMAIN}`, letter("queued")), DOMAIN);
  const filler = join(disk, "filler");
  await writeFile(filler, Buffer.alloc(64 * 1024 * 1024)).catch((err: NodeJS.ErrnoException) => {
    assert.equal(err.code, "ENOSPC");
  });
  const replies: string[] = [];
  for (let i = 0; i < 3; i++) replies.push((await trySubmit(relay, letter("refused", 200))).reply ?? "taken");
  for (const reply of replies) assert.match(reply, /^45[12] 4\.3\.[01] /);
  accepts(busy.host);
  await unlink(filler);
  await until(async () => (await trySubmit(relay, letter("later"))).reply === undefined, "mail is taken again");
  await busy.host.until(() => busy.host.messages.length >= 2, 20_000);
  assert.deepEqual(subjectsAt(busy.host), ["later", "queued"]);
});

test("a job whose text was deleted by hand bounces with a reason; a text whose job was deleted is swept", async () => {
  await using busy = await startBusyLab();
  await using relay = await startTestRelay(busy.lab, { retry });
  const [robbed, orphan] = [
    await relay.submit(`user@${DOMAIN}`, letter("robbed"), `sender@${DOMAIN}`),
    await relay.submit(`user@${DOMAIN}`, letter("orphan")),
  ];
  for (const id of [robbed, orphan]) await relay.settled(id, DOMAIN);
  const redis = openOwnRedis(relay);
  const maintenance = new Queue("maintenance", { connection: redis, prefix: "{relay}" });
  try {
    await redis.del(`{relay}:body:${robbed}`);
    await relay.logged("body-missing", { message: robbed });
    // The bounce has a recipient of its own.
    busy.host.behave({ rcpt: (to) => (to.startsWith("sender@") ? undefined : "451 4.3.0 not now") });
    const bounce = () => busy.host.messages.find(({ from }) => from === "");
    await busy.host.until(() => bounce() !== undefined);
    assert.match(bounce()?.data.toString() ?? "", /has lost the text of this message/);

    await removeJob(redis, `${orphan}/${DOMAIN}`);
    // As if it had been there for two hours.
    await redis.hset(`{relay}:body:${orphan}`, `open:${DOMAIN}`, new Date(Date.now() - 7_200_000).toISOString());
    await promote(maintenance, "orphan-sweep");
    await relay.logged("orphan-swept", { message: orphan });
    assert.equal(await redis.exists(`{relay}:body:${orphan}`), 0);
  } finally {
    await maintenance.close();
    redis.disconnect();
  }
});

/** As an operator might, without a thought for the text. */
async function removeJob(redis: Redis, id: string): Promise<void> {
  const deliveries = "{relay}:delivery";
  await redis
    .multi()
    .zrem(`${deliveries}:delayed`, id)
    .zrem(`${deliveries}:prioritized`, id)
    .del(`${deliveries}:${id}`)
    .exec();
}

async function promote(queue: Queue, name: string): Promise<void> {
  await until(async () => {
    const waiting = await queue.getDelayed();
    return (
      (await waiting
        .find((job) => job.name === name)
        ?.promote()
        .then(() => true)) ?? false
    );
  }, `${name} is made due`);
}

/** Eight megabytes; gone after the test. `undefined`: not allowed here. */
async function mountSmallDisk(t: TestContext): Promise<string | undefined> {
  const path = await mkdtemp(join(tmpdir(), "sts-relay-disk-"));
  let mounted = false;
  t.after(async () => {
    if (mounted) execFileSync("umount", [path]);
    await rm(path, { recursive: true, force: true });
  });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", path], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  mounted = true;
  return path;
}
