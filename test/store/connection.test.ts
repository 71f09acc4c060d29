import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { newKeyPair, pemOfKey, writeCertificate } from "../../src/lab/certificate.ts";
import { connect } from "../../src/store/connection.ts";
import { ping } from "../../src/store/server-process.ts";
import { startTestRedis } from "../support/redis.ts";
import { open, until } from "./support.ts";

test("the loss of Redis and its return are told once each", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const { pid } = redis;
  process.kill(pid, "SIGKILL");
  await until(() => connection.states.includes("lost"), "the loss is told");
  await until(() => connection.states.length === 3 && redis.pid !== pid, "the return is told");
  assert.deepEqual(connection.states, ["ready", "lost", "ready"]);
  assert.equal(await connection.redis.ping(), "PONG");
});

test("while Redis hangs a command is refused at the time limit, and the connection is given up and made anew", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath, { commandTimeoutMs: 300 });
  process.kill(redis.pid, "SIGSTOP");
  const begun = performance.now();
  try {
    await assert.rejects(connection.redis.set("a", "b"));
    const tookMs = performance.now() - begun;
    assert.ok(tookMs > 250 && tookMs < 1_500, `took ${tookMs} ms`);
    await until(() => connection.states.includes("lost"), "the hung connection is given up");
  } finally {
    process.kill(redis.pid, "SIGCONT");
  }
  await until(() => connection.states.at(-1) === "ready", "connected anew");
  assert.equal(await connection.redis.ping(), "PONG");
});

test("a connection can be ended in any state, and is not told as lost then", async () => {
  await using redis = await startTestRedis();
  const connection = await open(redis.socketPath);
  const patient = connection.openPatient();
  await patient.redis.ping();
  await redis.stop();
  await until(() => connection.states.at(-1) === "lost", "the loss is told");
  const waiting = assert.rejects(patient.redis.get("x"), /Connection is closed/);
  await until(() => patient.redis.status === "reconnecting", "between two tries");
  await patient.end();
  await waiting;
  await patient.end();
  await connection.close();
  assert.deepEqual(connection.states, ["ready", "lost"]);
});

test("at the start, a Redis that is not there or does not speak is an error with its place, within the time limit", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sts-relay-test-"));
  const mute = createServer().listen(join(dir, "mute.sock"));
  await once(mute, "listening");
  for (const name of ["nobody.sock", "mute.sock"]) {
    const target = { socketPath: join(dir, name) };
    const options = { target, readyTimeoutMs: 200, commandTimeoutMs: 100, onState: () => undefined };
    await assert.rejects(connect(options), { name: "StoreError", code: "unavailable", message: new RegExp(name) });
  }
  mute.close();
  await rm(dir, { recursive: true });
});

test("a wrong password is an error at once", async () => {
  await using redis = await startTestRedis();
  {
    await using connection = await open(redis.socketPath);
    await connection.redis.config("SET", "requirepass", "s3cret");
  }
  await assert.rejects(open(redis.socketPath, { readyTimeoutMs: 60_000 }), { code: "unavailable", message: /NOAUTH/ });
});

test("rediss:// speaks TLS with a server whose certificate comes from caFile, and with no other", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sts-relay-test-"));
  const keys = await newKeyPair();
  await writeFile(join(dir, "cert.pem"), selfSigned("localhost", keys));
  await writeFile(join(dir, "key.pem"), pemOfKey(keys.privateKey));
  const port = await freePort();
  const tls = ["--tls-port", port, "--tls-cert-file", join(dir, "cert.pem"), "--tls-key-file", join(dir, "key.pem")];
  const only = ["--tls-auth-clients", "no", "--port", "0", "--save", "", "--dir", dir, "--bind", "127.0.0.1"];
  const server = spawn("redis-server", [...tls, ...only, "--unixsocket", join(dir, "s")].map(String), {
    stdio: "ignore",
  });
  try {
    await until(async () => (await ping(join(dir, "s"))) === "ready", "redis-server is ready");
    const url = `rediss://localhost:${port}`;
    const caFile = join(dir, "cert.pem");
    const connection = await connect({ target: { url, caFile }, onState: () => undefined });
    assert.equal(await connection.redis.ping(), "PONG");
    await connection.close();
    await assert.rejects(connect({ target: { url }, readyTimeoutMs: 300, onState: () => undefined }), /self-signed/);
    const other = { url: `rediss://127.0.0.1:${port}`, caFile };
    await assert.rejects(connect({ target: other, readyTimeoutMs: 300, onState: () => undefined }), /IP/);
  } finally {
    server.kill();
    await once(server, "exit");
    await rm(dir, { recursive: true });
  }
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

function selfSigned(name: string, { publicKey, privateKey }: Awaited<ReturnType<typeof newKeyPair>>): string {
  const hourMs = 60 * 60 * 1_000;
  const life = { notBefore: new Date(Date.now() - hourMs), notAfter: new Date(Date.now() + hourMs) };
  return writeCertificate(
    { subject: name, issuer: name, names: [name], publicKey, use: "server", ...life },
    privateKey,
  );
}
