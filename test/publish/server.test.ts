import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { request as plainRequest } from "node:http";
import { request } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connect as connectTls, type PeerCertificate, type TLSSocket } from "node:tls";
import { createAuthority, type Issued } from "../../src/lab/authority.ts";
import { createOwnPolicies } from "../../src/publish/policies.ts";
import type { Publication } from "../../src/publish/published-policy.ts";
import { type PolicyServer, type PolicyServerOptions, startPolicyServer } from "../../src/publish/server.ts";
import { missingPrograms, runProgram, skipWithout } from "../support/real-programs.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const PATH = "/.well-known/mta-sts.txt";
const TEXT = "version: STSv1\r\nmode: enforce\r\nmx: mx.a.test\r\nmax_age: 86400\r\n";

const authority = await createAuthority();
const [certA, certB, certAnew] = await Promise.all([
  authority.issue({ names: ["mta-sts.a.test"] }),
  authority.issue({ names: ["*.b.test"] }),
  authority.issue({ names: ["mta-sts.a.test"] }),
]);

const publication = (domain: string): Publication => ({
  domain,
  mode: "enforce",
  maxAgeSeconds: 86_400,
  mx: [`mx.${domain}`],
});

const pem = ({ certPem, keyPem }: Issued) => ({ cert: certPem, key: keyPem });

type TestServer = PolicyServer & AsyncDisposable & { answers: number[]; faults: unknown[] };

async function start(change: Partial<PolicyServerOptions> = {}): Promise<TestServer> {
  const answers: number[] = [];
  const faults: unknown[] = [];
  const policies = createOwnPolicies({
    publications: [publication("a.test"), publication("b.test")],
    dns: { mx: () => Promise.reject(new Error("not asked")) },
    now: Date.now,
  });
  const server = await startPolicyServer({
    host: "127.0.0.1",
    port: 0,
    tls: "implicit",
    certificates: [pem(certA), pem(certB)],
    policies,
    onAnswer: ({ status }) => answers.push(status),
    onFault: (err) => faults.push(err),
    ...change,
  });
  return { ...server, answers, faults, [Symbol.asyncDispose]: () => server.close() };
}

type Got = { status: number; headers: IncomingHttpHeaders; body: string; certificate: PeerCertificate };

async function get(
  server: PolicyServer,
  options: { name?: string; host?: string; method?: string; path?: string; headers?: Record<string, string> } = {},
): Promise<Got> {
  const { name = "mta-sts.a.test", host = name, method = "GET", path = PATH, headers = {} } = options;
  const asked = request({
    host: server.address,
    port: server.port,
    method,
    path,
    servername: name,
    headers: { host, ...headers },
    ca: authority.caPem,
    agent: false,
  });
  asked.end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const certificate = (response.socket as TLSSocket).getPeerCertificate();
  const body = (await response.setEncoding("utf8").toArray()).join("");
  return { status: response.statusCode ?? 0, headers: response.headers, body, certificate };
}

test("each domain has its own policy and certificate, by SNI and Host (STS-GET-1, STS-GET-2)", async () => {
  await using server = await start();
  const a = await get(server);
  assert.deepEqual([a.status, a.body], [200, TEXT]);
  assert.equal(a.headers["content-type"], "text/plain");
  assert.equal(a.headers["content-length"], String(TEXT.length));
  assert.equal(a.certificate.subjectaltname, "DNS:mta-sts.a.test");
  const b = await get(server, { name: "mta-sts.b.test", host: `MTA-STS.b.test:${server.port}` });
  assert.match(b.body, /^mx: mx\.b\.test\r$/m);
  assert.equal(b.certificate.subjectaltname, "DNS:*.b.test");
  assert.equal((await get(server, { host: "mta-sts.c.test" })).status, 404);
  await assert.rejects(get(server, { name: "mta-sts.c.test" }), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  assert.deepEqual(server.answers, [200, 200, 404]);
});

test("HEAD has the fields and no body, what is known is not sent again, other methods are told what is allowed", async () => {
  await using server = await start();
  const whole = await get(server);
  const head = await get(server, { method: "HEAD" });
  const { date: _, ...fields } = whole.headers;
  const { date: __, ...headFields } = head.headers;
  assert.deepEqual([head.status, head.body, headFields], [200, "", fields]);
  const known = await get(server, { headers: { "if-none-match": String(whole.headers.etag) } });
  assert.deepEqual([known.status, known.body, known.headers.etag], [304, "", whole.headers.etag]);
  const post = await get(server, { method: "POST" });
  assert.deepEqual([post.status, post.headers.allow], [405, "GET, HEAD"]);
});

test("a new certificate is shown from the next handshake on; one that cannot be used changes nothing", async () => {
  await using server = await start();
  const shown = async () => (await get(server)).certificate.serialNumber;
  const first = await shown();
  for (const bad of [
    { cert: certA.certPem, key: "" },
    { cert: certA.certPem, key: certB.keyPem },
    { cert: "", key: "" },
  ]) {
    assert.throws(() => server.updateCertificates([bad]));
    assert.equal(await shown(), first);
  }
  server.updateCertificates([pem(certAnew)]);
  assert.notEqual(await shown(), first);
  assert.match((await get(server)).body, /STSv1/);
});

test("behind a proxy it speaks plain HTTP", async () => {
  await using server = await start({ tls: "none", certificates: [] });
  const asked = plainRequest({
    host: server.address,
    port: server.port,
    path: PATH,
    headers: { host: "mta-sts.a.test" },
    agent: false,
  });
  asked.end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  assert.equal((await response.setEncoding("utf8").toArray()).join(""), TEXT);
});

/** What a plain server answers to these bytes, until it ends the connection. */
async function rawAnswer(server: PolicyServer, text: string): Promise<string> {
  const socket = connect(server.port, server.address);
  socket.on("error", () => undefined);
  socket.write(text);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "close");
  return Buffer.concat(chunks).toString("latin1");
}

test("what is not asked as HTTP says is refused, and too large a head is cut off", async () => {
  await using server = await start({ tls: "none", certificates: [] });
  const host = "Host: mta-sts.a.test\r\n";
  const end = "Connection: close\r\n\r\n";
  const cases: [text: string, status: RegExp][] = [
    [`GET ${PATH} HTTP/1.1\r\n${host}${end}`, /^HTTP\/1\.1 200 /],
    [`GET ${PATH} HTTP/1.0\r\n${host}\r\n`, /^HTTP\/1\.1 200 /],
    [`GET https://mta-sts.b.test${PATH} HTTP/1.1\r\n${host}${end}`, /^HTTP\/1\.1 200 [^]*mx\.b\.test/],
    [`GET ${PATH} HTTP/1.1\r\n${host}Host: mta-sts.b.test\r\n${end}`, /^HTTP\/1\.1 400 /],
    [`GET ${PATH} HTTP/1.1\r\n${end}`, /^HTTP\/1\.1 400 /],
    [`GET ${PATH} HTTP/1.0\r\n\r\n`, /^HTTP\/1\.1 404 /],
    [`GET ${PATH} HTTP/1.1\r\n${host}X: ${"x".repeat(10_000)}\r\n${end}`, /^HTTP\/1\.1 431 /],
    ["no HTTP at all\r\n\r\n", /^HTTP\/1\.1 400 /],
    // The body announced never comes, and is not waited for.
    [`POST ${PATH} HTTP/1.1\r\n${host}Content-Length: 1000000000\r\n\r\n`, /^HTTP\/1\.1 405 /],
    [`GET ${PATH} HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5\r\nhello`, /^HTTP\/1\.1 200 /],
  ];
  for (const [text, status] of cases) assert.match(await rawAnswer(server, text), status, text.slice(0, 120));
  assert.deepEqual(server.faults, []);
});

test("a fault ends the one connection that met it", async () => {
  const policies = { policyOf: () => Promise.reject(new Error("a bug")) };
  await using server = await start({ policies });
  await assert.rejects(get(server), { code: "ECONNRESET" });
  assert.equal((await get(server, { path: "/" })).status, 404);
  assert.equal(server.faults.length, 1);
});

test("it closes at once, whoever is connected and however far they came", async () => {
  const server = await start();
  const idle = connect(server.port, server.address);
  await once(idle, "connect");
  const kept = connectTls({
    host: server.address,
    port: server.port,
    servername: "mta-sts.a.test",
    ca: authority.caPem,
  });
  await once(kept, "secureConnect");
  for (const socket of [idle, kept]) socket.on("error", () => undefined);
  const gone = Promise.all([idle, kept].map((socket) => once(socket, "close")));
  await server.close();
  await gone;
});

test("a port that is taken is the caller's to hear of", async () => {
  await using first = await start();
  await assert.rejects(start({ port: first.port }), { code: "EADDRINUSE" });
});

test("curl gets the policy, and a head for HEAD", async (t) => {
  if (skipWithout(t, missingPrograms(["curl"]))) return;
  await using server = await start();
  await using dir = await makeTempDir();
  const ca = join(dir.path, "ca.pem");
  await writeFile(ca, authority.caPem);
  const common = ["-sS", "--noproxy", "*", "--cacert", ca, "--connect-to", `::${server.address}:${server.port}`];
  const url = `https://mta-sts.a.test${PATH}`;
  assert.equal((await runProgram("curl", [...common, url])).stdout, TEXT);
  const head = (await runProgram("curl", [...common, "--head", url])).stdout;
  assert.match(head, /^HTTP\/1\.1 200 OK\r$/m);
  assert.match(head, new RegExp(`^content-length: ${TEXT.length}\r$`, "im"));
});
