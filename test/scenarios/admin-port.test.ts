/** Who may ask at the admin port, and what it says of the relay's health. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { request } from "node:http";
import { test } from "node:test";
import { configProblems } from "../../src/relay/check.ts";
import { hashPassword } from "../../src/submission/password-hash.ts";
import { read } from "../config/read.ts";
import { startAdminRelay } from "../support/admin.ts";
import { until } from "../support/real-server.ts";
import { startTestRelay } from "../support/relay.ts";

const TOKEN = "a-token-of-some-length";
const PATHS = [
  "/",
  "/domains",
  "/app.js",
  "/metrics",
  "/api/overview",
  "/api/openapi.json",
  "/queues",
  "/queues/api/queues",
  "/nothing",
];

const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString("base64")}` });

test("with a login set, no page, API or metric is shown without it; health is", async () => {
  const users = [{ name: "anna", passwordHash: await hashPassword("right") }];
  await using relay = await startAdminRelay(undefined, { admin: { token: TOKEN, users } });
  for (const path of PATHS) {
    const { status, headers } = await relay.ask(path);
    assert.equal(status, 401, path);
    assert.match(headers.get("www-authenticate") ?? "", /^Basic /);
  }
  for (const path of ["/livez", "/readyz"]) assert.notEqual((await relay.ask(path)).status, 401, path);
  for (const headers of [{ authorization: `Bearer ${TOKEN}` }, basic(`any:${TOKEN}`), basic("anna:right")]) {
    assert.equal((await relay.ask("/metrics", { headers })).status, 200);
  }
  for (const headers of [{ authorization: "Bearer wrong-wrong-wrong" }, basic("anna:wrong"), basic("right:anna")]) {
    assert.equal((await relay.ask("/metrics", { headers })).status, 401);
  }
  assert.equal((await relay.logged("admin-login-failed", { user: "anna" }))["client"], "127.0.0.1");

  await relay.reload({ admin: { token: "another-token-of-length", users: [] } });
  assert.equal((await relay.ask("/metrics", { headers: { authorization: `Bearer ${TOKEN}` } })).status, 401);
});

test("beyond loopback a relay without a login does not start", async (t) => {
  const cases: [string, number][] = [
    ["admin: { host: 0.0.0.0 }", 1],
    ['admin: { host: "::" }', 1],
    ["admin: { host: 192.0.2.1, token: short }", 1],
    [`admin: { host: 0.0.0.0, token: ${TOKEN} }`, 0],
    ["admin: { host: 0.0.0.0, enabled: false }", 0],
    ["admin: { host: 127.0.0.1 }", 0],
    ["admin: { users: [{ name: anna, passwordHash: nonsense }] }", 1],
  ];
  for (const [yaml, expected] of cases) {
    const problems = await configProblems(read(t, yaml).config);
    const ours = problems.filter(({ path }) => path[0] === "admin");
    assert.equal(ours.length, expected, `${yaml}: ${JSON.stringify(ours)}`);
  }
});

test("a page of another site can neither change nor read anything, and browsers are told to load nothing foreign", async () => {
  await using relay = await startAdminRelay(undefined);
  const cross = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" };
  assert.equal(
    (await relay.ask("/api/queue/retry", { method: "POST", body: { all: true }, headers: cross })).status,
    403,
  );
  assert.equal((await relay.ask("/api/overview", { headers: cross })).status, 403);
  assert.equal((await relay.ask("/api/overview", { headers: { "sec-fetch-site": "same-origin" } })).status, 200);
  assert.equal(await statusFor(relay.url, "/api/overview", "evil.example"), 403);
  assert.equal(await statusFor(relay.url, "/api/overview", "localhost"), 200);
  const form = { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" } };
  assert.equal((await relay.ask("/api/queue/retry", form)).status, 415);
  for (const path of ["/", "/api/overview", "/nothing", "/livez", "/queues"]) {
    const { headers } = await relay.ask(path);
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/, path);
    assert.doesNotMatch(policy, /https?:|\*|unsafe-eval/, path);
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
    assert.equal(headers.get("cache-control"), "no-store", path);
    assert.equal(headers.get("access-control-allow-origin"), null, path);
  }
});

test("the board of raw jobs is to look at only", async () => {
  await using relay = await startAdminRelay(undefined);
  const { body } = await relay.ask("/queues/api/queues");
  assert.match(JSON.stringify(body), /"name":"delivery"/);
  const verbs = ["delivery/pause", "delivery/empty", "delivery/promote", "pause"];
  for (const path of verbs.map((verb) => `/queues/api/queues/${verb}`)) {
    for (const method of ["GET", "PUT", "POST"]) assert.equal((await relay.ask(path, { method })).status, 404, path);
  }
});

test("who asks too much is told so, and the relay goes on", async () => {
  await using relay = await startAdminRelay(undefined);
  const statuses = new Set<number>();
  for (let round = 0; round < 200 && !statuses.has(429); round += 1) {
    const answers = await Promise.all(Array.from({ length: 40 }, () => relay.ask("/api/openapi.json")));
    for (const { status } of answers) statuses.add(status);
  }
  assert.deepEqual(statuses, new Set([200, 429]));
  assert.equal((await relay.ask("/livez")).status, 200);
});

test("a relay that cannot do its work says which part is wrong", async () => {
  await using dns = await silentDns();
  await using relay = await startAdminRelay(undefined, { dns: { servers: [dns.address], timeout: "100ms", tries: 1 } });
  const ask = async () => {
    const { status, body } = await relay.ask("/readyz");
    return { status, checks: body["checks"] as Record<string, { ok: boolean }> };
  };
  // Its worker tells of itself a moment after the start.
  const toldOfWorkers = async () => {
    const told = await ask();
    return told.checks["workers"]?.ok === true ? told : undefined;
  };
  const { status, checks } = await until("workers", toldOfWorkers, async () => JSON.stringify(await ask()));
  assert.equal(status, 503);
  assert.deepEqual(
    Object.entries(checks).map(([name, { ok }]) => [name, ok]),
    [
      ["redis", true],
      ["resolver", false],
      ["listener", true],
      ["workers", true],
    ],
  );
  assert.deepEqual((await relay.ask("/livez")).status, 200);
});

test("where the port is taken the relay goes on without it, and says so", async () => {
  await using other = await listener();
  await using relay = await startTestRelay(undefined, { admin: { enabled: true, port: other.port } });
  assert.equal(relay.relay.admin, undefined);
  assert.match(String((await relay.logged("admin-unavailable"))["detail"]), /EADDRINUSE/);
});

function statusFor(url: string, path: string, host: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  request(url + path, { headers: { host } }, (response) => {
    response.resume();
    resolve(response.statusCode);
  })
    .on("error", reject)
    .end();
  return promise;
}

/** Takes what comes, and says nothing. */
async function silentDns() {
  const { createSocket } = await import("node:dgram");
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, "close");
    },
  };
}

async function listener() {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, "close");
    },
  };
}
