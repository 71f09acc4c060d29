import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { startEmbeddedRedis } from "../../src/store/embedded-server.ts";
import { identify } from "../../src/store/process-identity.ts";
import { ping } from "../../src/store/server-process.ts";
import { startTestRedis } from "../support/redis.ts";
import { redisCli, until } from "./support.ts";

const quiet = { maxMemoryBytes: 64 * 1024 * 1024, stopLimitMs: 2_000, onEvent: () => undefined };

async function inDirectory(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "sts-relay-test-"));
  try {
    await use(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test("the embedded server is reached over its socket with redis-cli, and keeps everything on disk", async () => {
  await using redis = await startTestRedis();
  const config = async (name: string) => (await redisCli(redis.socketPath, "CONFIG", "GET", name)).split('"')[3];
  const expected = { appendonly: "yes", appendfsync: "always", "maxmemory-policy": "noeviction", port: "0" };
  for (const [name, value] of Object.entries(expected)) assert.equal(await config(name), value, name);
  assert.equal(await config("maxmemory"), String(256 * 1024 * 1024));
  assert.equal(statSync(redis.dir).mode & 0o777, 0o700);
  assert.equal(statSync(redis.socketPath).mode & 0o777, 0o700);
});

test("after SIGKILL it is started again on the same socket with all data, and both are told", async () => {
  await using redis = await startTestRedis();
  await redisCli(redis.socketPath, "SET", "mail", "here");
  const { pid } = redis;
  process.kill(pid, "SIGKILL");
  await until(() => redis.events.some(({ kind }) => kind === "restarted"), "it runs again");
  assert.equal(await redisCli(redis.socketPath, "GET", "mail"), '"here"');
  assert.notEqual(redis.pid, pid);
  const exited = redis.events.find(({ kind }) => kind === "exited");
  assert.deepEqual([exited?.pid, exited?.detail], [pid, "the embedded Redis ended: killed by SIGKILL"]);
});

test("when it is stopped nothing is left: no process, no socket, no lock", () =>
  inDirectory(async (dir) => {
    const server = await startEmbeddedRedis({ ...quiet, dir });
    const identity = identify(server.pid);
    assert.ok(identity !== undefined);
    await server.stop();
    assert.equal(identify(server.pid), undefined);
    assert.deepEqual(readdirSync(dir), ["appendonlydir"]);
    await server.stop();
  }));

test("a server that does not end on SIGTERM is killed when the time is up", () =>
  inDirectory(async (dir) => {
    const server = await startEmbeddedRedis({ ...quiet, dir, stopLimitMs: 100 });
    process.kill(server.pid, "SIGSTOP");
    await server.stop();
    assert.equal(identify(server.pid), undefined);
  }));

test("a second relay on the same directory is refused, and the first goes on", async () => {
  await using redis = await startTestRedis();
  await assert.rejects(
    startEmbeddedRedis({ ...quiet, dir: redis.dir }),
    new RegExp(`in use by process ${process.pid}`),
  );
  assert.equal(await redisCli(redis.socketPath, "PING"), "PONG");
});

test("the server of a relay that was killed is stopped with its data kept, before a new one is started", () =>
  inDirectory(async (dir) => {
    const relay = spawn(process.execPath, ["--input-type=module-typescript", "-e", relayThatDies, dir], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(createInterface({ input: relay.stdout }), "line")) as [string];
    const orphanPid = Number(line);
    relay.kill("SIGKILL");
    await once(relay, "exit");
    assert.ok(identify(orphanPid) !== undefined, "it outlives the relay");
    await redisCli(join(dir, "redis.sock"), "SET", "mail", "here");

    const details: string[] = [];
    const server = await startEmbeddedRedis({ ...quiet, dir, onEvent: ({ detail }) => details.push(detail) });
    try {
      assert.equal(identify(orphanPid), undefined);
      assert.equal(await redisCli(server.socketPath, "GET", "mail"), '"here"');
      assert.ok(details.includes("the embedded Redis of a relay that was killed has been stopped"));
    } finally {
      await server.stop();
    }
  }));

const relayThatDies = `
  import { startEmbeddedRedis } from ${JSON.stringify(new URL("../../src/store/embedded-server.ts", import.meta.url).href)};
  const server = await startEmbeddedRedis({ dir: process.argv[1], maxMemoryBytes: 64e6, onEvent: () => {} });
  console.log(server.pid);
`;

test("a server of unknown origin on the socket is left alone, and the relay does not start", () =>
  inDirectory(async (dir) => {
    const socketPath = join(dir, "redis.sock");
    const stranger = spawn("redis-server", ["--port", "0", "--unixsocket", socketPath, "--dir", dir, "--save", ""], {
      stdio: "ignore",
    });
    await until(async () => (await ping(socketPath)) === "ready", "the stranger is ready");
    try {
      await assert.rejects(startEmbeddedRedis({ ...quiet, dir }), /no relay here has started answers on .*redis\.sock/);
      assert.equal(await ping(socketPath), "ready");
      assert.equal(existsSync(join(dir, "relay.lock")), false);
    } finally {
      stranger.kill();
      await once(stranger, "exit");
    }
  }));

test("data that cannot be read is an error with the server's own words, and leaves no process and no lock", () =>
  inDirectory(async (dir) => {
    mkdirSync(join(dir, "appendonlydir"));
    writeFileSync(join(dir, "appendonlydir", "appendonly.aof.manifest"), "nonsense\n");
    const started = startEmbeddedRedis({ ...quiet, dir });
    await assert.rejects(started, /did not start: exit code 1, saying: .*AOF manifest/s);
    assert.equal(existsSync(join(dir, "relay.lock")), false);
  }));

test("in a directory whose path is too long for a socket, the socket is put elsewhere", () =>
  inDirectory(async (parent) => {
    const dir = join(parent, "x".repeat(100));
    const server = await startEmbeddedRedis({ ...quiet, dir });
    try {
      assert.ok(Buffer.byteLength(server.socketPath) < 104);
      assert.equal(await redisCli(server.socketPath, "PING"), "PONG");
    } finally {
      await server.stop();
      rmSync(dirname(server.socketPath), { recursive: true });
    }
  }));

test("stopped while it is being started again, it stays stopped", () =>
  inDirectory(async (dir) => {
    const events: string[] = [];
    const server = await startEmbeddedRedis({ ...quiet, dir, onEvent: ({ kind }) => events.push(kind) });
    process.kill(server.pid, "SIGKILL");
    await until(() => events.includes("exited"), "the end is told");
    await server.stop();
    assert.equal(await ping(server.socketPath), "away");
    assert.equal(identify(server.pid), undefined);
  }));
