import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { test, type TestContext } from "node:test";
import { directory } from "../config/read.ts";
import { stsRelay } from "./run.ts";

const WELL = { redis: { ok: true }, resolver: { ok: true }, listener: { ok: true }, workers: { ok: true } };

test("the health check asks /readyz, and the listener; a resolver that is away is no reason to start the relay anew", async (t) => {
  const cases: [string, object | undefined, boolean, number][] = [
    ["all is well", WELL, true, 0],
    ["the resolver is away", { ...WELL, resolver: { ok: false, detail: "timeout" } }, true, 0],
    ["Redis is away", { ...WELL, redis: { ok: false, detail: "refused" } }, true, 69],
    ["no admin port answers", undefined, true, 0],
    ["no listener answers", WELL, false, 69],
  ];
  for (const [what, checks, listens, expected] of cases) {
    const admin = checks === undefined ? 1 : await listen(t, readyz(checks));
    const port = listens ? await listen(t, greeting()) : 1;
    const yaml = `submission: { listeners: [{ port: ${port} }] }\nadmin: { port: ${admin} }\n`;
    const cwd = directory(t, { "config/relay.yaml": yaml });
    const { code, stderr } = await stsRelay(["healthcheck"], { cwd });
    assert.equal(code, expected, `${what}: ${stderr}`);
    assert.equal(stderr === "", expected === 0, what);
  }
});

const greeting = () => createServer((socket) => void socket.end("220 relay.test ESMTP\r\n"));

const readyz = (checks: object): Server =>
  createHttpServer((request, response) => {
    assert.equal(request.url, "/readyz");
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ ready: false, checks }));
  });

async function listen(t: TestContext, server: Server): Promise<number> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}
