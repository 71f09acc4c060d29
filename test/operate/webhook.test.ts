/** Webhooks over real HTTP and HTTPS. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createAddressGuard } from "../../src/dns/address-guard.ts";
import { createWebhookPost, signature, type WebhookMessage } from "../../src/operate/webhook.ts";
import { createWebhookQueue, startWebhookWorker } from "../../src/store/webhook-queue.ts";
import { open, until } from "../store/support.ts";
import { startTestRedis } from "../support/redis.ts";
import { certificateOf, trust } from "../support/test-hosts.ts";
import { createZoneResolver } from "../support/zone-resolver.ts";
import { NOW } from "./support.ts";

const SECRET = "a long random text";

type Received = { headers: IncomingMessage["headers"]; body: string };

async function startReceiver(answer: (response: ServerResponse, count: number) => void, secure = false) {
  const received: Received[] = [];
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks = await request.toArray();
    received.push({ headers: request.headers, body: Buffer.concat(chunks as Buffer[]).toString() });
    answer(response, received.length);
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse) => void listener(request, response);
  const { certPem: cert, keyPem: key } = await certificateOf("good", "hooks.example");
  const server = secure ? createSecureServer({ cert, key }, onRequest) : createServer(onRequest);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    received,
    url: `${secure ? "https" : "http"}://hooks.example:${port}/relay`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const postWith = (allow: string[], timeoutMs = 2_000) =>
  createWebhookPost({
    dns: createZoneResolver({ "hooks.example": { addresses: ["127.0.0.1"] } }),
    guard: createAddressGuard({ allow }),
    secureContext: trust.strict,
    now: () => NOW,
    timeoutMs,
  });

const messageFor = (url: string): WebhookMessage => ({
  id: "d1",
  url,
  event: "incident-opened",
  body: JSON.stringify({ incident: { detail: "ümläut" } }),
});

test("the receiver verifies who speaks, over HTTP and HTTPS, from the signature and the body alone", async () => {
  for (const secure of [false, true]) {
    await using receiver = await startReceiver((response) => response.writeHead(204).end(), secure);
    const message = messageFor(receiver.url);
    assert.deepEqual(await postWith(["127.0.0.0/8"])(message, SECRET), { kind: "accepted" });
    const [{ headers, body } = assert.fail()] = receiver.received;
    assert.equal(body, message.body);
    assert.deepEqual([headers["sts-relay-event"], headers["sts-relay-delivery"]], ["incident-opened", "d1"]);
    const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers["sts-relay-signature"])) ?? [];
    assert.equal(Number(t), NOW / 1000);
    assert.equal(v1, createHmac("sha256", SECRET).update(`${t}.${body}`).digest("hex"));
    assert.notEqual(headers["sts-relay-signature"], signature("another secret", body, NOW));
  }
});

test("what is no acceptance is a failure to be tried again, and says why", async () => {
  const cases: [what: string, answer: (response: ServerResponse) => void, detail: RegExp][] = [
    ["500", (response) => response.writeHead(500).end(), /^it answered with status 500$/],
    ["redirect", (response) => response.writeHead(302, { location: "http://127.0.0.1/" }).end(), /status 302/],
    ["silence", () => undefined, /^no whole answer within 0.3 s$/],
    ["hangs up", (response) => response.destroy(), /^the connection failed \(ECONNRESET\)$/],
  ];
  for (const [what, answer, detail] of cases) {
    await using receiver = await startReceiver(answer);
    const outcome = await postWith(["127.0.0.0/8"], 300)(messageFor(receiver.url), SECRET);
    assert.ok(outcome.kind === "failed", what);
    assert.match(outcome.detail, detail, what);
    assert.equal(receiver.received.length, 1, "and nothing is followed");
  }
});

test("an answer without end is not read to its end", async () => {
  await using receiver = await startReceiver((response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  });
  assert.deepEqual(await postWith(["127.0.0.0/8"])(messageFor(receiver.url), SECRET), { kind: "accepted" });
});

test("an address that is not public is not connected to, unless network.allow opens it", async () => {
  await using receiver = await startReceiver((response) => response.end());
  const { port } = new URL(receiver.url);
  for (const url of [receiver.url, `http://127.0.0.1:${port}/`, `http://[::1]:${port}/`]) {
    const outcome = await postWith([])(messageFor(url), SECRET);
    assert.ok(outcome.kind === "failed");
    assert.match(outcome.detail, /none of its addresses may be connected to/, url);
  }
  assert.equal(receiver.received.length, 0);
});

test("a receiver that fails gets the same message again, until it takes it", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  await using receiver = await startReceiver((response, count) => response.writeHead(count < 3 ? 503 : 200).end());
  const queue = createWebhookQueue<WebhookMessage>(connection, { firstPauseMs: 20 });
  const failures: { attempt: number; final: boolean }[] = [];
  const post = postWith(["127.0.0.0/8"]);
  const worker = startWebhookWorker<WebhookMessage>({
    connection,
    send: (message, signal) => post(message, SECRET, signal),
    onFailed: (_, { attempt, final }) => failures.push({ attempt, final }),
    onFault: (where, err) => assert.fail(`${where}: ${String(err)}`),
  });
  await queue.add(messageFor(receiver.url));
  await queue.add(messageFor(receiver.url));
  await until(() => receiver.received.length === 3, "it is tried three times");
  const jobs = async () => (await connection.redis.keys("{relay}:webhooks:d1*")).length;
  await until(async () => (await jobs()) === 0, "nothing is left of it");
  assert.deepEqual(
    receiver.received.map(({ headers }) => headers["sts-relay-delivery"]),
    ["d1", "d1", "d1"],
  );
  assert.deepEqual(failures, [
    { attempt: 1, final: false },
    { attempt: 2, final: false },
  ]);
  await worker.close();
  await queue.close();
});

test("a receiver that never takes it is given up in the end, and told so", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const queue = createWebhookQueue<WebhookMessage>(connection, { firstPauseMs: 1 });
  const failures: { attempt: number; final: boolean }[] = [];
  const worker = startWebhookWorker<WebhookMessage>({
    connection,
    send: async () => ({ kind: "failed", detail: "no" }),
    onFailed: (_, { attempt, final }) => failures.push({ attempt, final }),
    onFault: (where, err) => assert.fail(`${where}: ${String(err)}`),
  });
  await queue.add(messageFor("https://hooks.example/"));
  await until(() => failures.at(-1)?.final === true, "it is given up");
  assert.equal(failures.length, 11);
  await worker.close();
  await queue.close();
});
