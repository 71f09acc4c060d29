/** Fetching a policy, from real servers on loopback. RFC 8461 section 3.3. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { createSecureContext } from "node:tls";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { createAddressGuard } from "../../src/dns/address-guard.ts";
import { createResolver } from "../../src/dns/resolver.ts";
import { createAuthority, selfSigned, type Authority, type Issued } from "../../src/lab/authority.ts";
import { startDnsServer, type LabDnsServer } from "../../src/lab/dns-server.ts";
import { createPolicyFetch, type FetchPolicy, type PolicyFetchOptions } from "../../src/mta-sts/policy-fetch.ts";
import { serve, startPolicyHost, type PolicyHost, type Respond } from "./support/policy-host.ts";

const TEXT = "version: STSv1\nmode: enforce\nmx: mail.d.example\nmax_age: 86400\n";
const HOST = "mta-sts.d.example";
const DAY_MS = 86_400_000;

let authority: Authority;
let dns: LabDnsServer;
let host: PolicyHost;

before(async () => {
  authority = await createAuthority();
  dns = await startDnsServer({ host: "127.0.0.1" });
  dns.set(HOST, "A", ["127.0.0.1"], { ttl: 0 });
  host = await startPolicyHost(authority);
});

after(async () => {
  await host[Symbol.asyncDispose]();
  await dns.close();
});

function fetcher(options: Partial<PolicyFetchOptions> = {}) {
  return createPolicyFetch({
    dns: createResolver({ servers: [dns.address], timeoutMs: 200, tries: 1 }),
    guard: createAddressGuard({ allow: ["127.0.0.0/8", "::1/128"] }),
    port: host.port,
    secureContext: createSecureContext({ ca: authority.caPem, minVersion: "TLSv1.2" }),
    ...options,
  });
}

/** What becomes of a fetch from the host when it responds so. */
async function fetchWhen(respond: Respond, options?: Partial<PolicyFetchOptions>) {
  host.respond = respond;
  return withoutCause(await fetcher(options)("d.example"));
}

/** The causes have a test of their own. */
function withoutCause(result: Awaited<ReturnType<FetchPolicy>>): typeof result {
  if (result.kind === "fetched") return result;
  const { cause: _, ...failure } = result.failure;
  return { kind: "failed", failure };
}

async function failureWhen(respond: Respond, options?: Partial<PolicyFetchOptions>) {
  const result = await fetchWhen(respond, options);
  return result.kind === "failed" ? result.failure : assert.fail("fetched");
}

const fetchError = (words: string) => ({ resultType: "sts-policy-fetch-error", detail: `${HOST}: ${words}` });
const webPkiInvalid = (words: string) => ({ resultType: "sts-webpki-invalid", detail: `${HOST}: ${words}` });

test("the policy is got from its well-known place, and the host is told its name (STS-GET-1)", async () => {
  host.requests.length = 0;
  assert.deepEqual(await fetchWhen(serve(TEXT)), {
    kind: "fetched",
    policy: { mode: "enforce", mx: ["mail.d.example"], maxAgeSeconds: 86_400 },
    text: TEXT,
  });
  assert.deepEqual(host.requests, [
    { host: `${HOST}:${host.port}`, url: "/.well-known/mta-sts.txt", method: "GET", servername: HOST },
  ]);
});

test("the host must prove its name with a certificate that is trusted and in date (STS-GET-2)", async () => {
  const other = await createAuthority("another CA");
  const ago = (days: number) => new Date(Date.now() - days * DAY_MS);
  const cases: [name: string, issue: () => Promise<Issued>, words: string][] = [
    ["another name", () => authority.issue({ names: ["d.example"] }), "its certificate is for other names"],
    ["Common Name only", () => authority.issue({ names: [], commonName: HOST }), "its certificate is for other names"],
    ["part of a label", () => authority.issue({ names: ["mta*.d.example"] }), "its certificate is for other names"],
    [
      "expired",
      () => authority.issue({ names: [HOST], notBefore: ago(9), notAfter: ago(1) }),
      "its certificate has expired",
    ],
    [
      "not yet valid",
      () => authority.issue({ names: [HOST], notBefore: ago(-1), notAfter: ago(-9) }),
      "its certificate is not valid yet",
    ],
    ["self-signed", () => selfSigned([HOST]), "its certificate is self-signed"],
    [
      "another authority",
      () => other.issue({ names: [HOST] }),
      "its certificate comes without the chain to a trusted authority",
    ],
  ];
  for (const [name, issue, words] of cases) {
    await using bad = await startPolicyHost(authority, issue);
    bad.respond = serve(TEXT);
    const result = withoutCause(await fetcher({ port: bad.port })("d.example"));
    assert.deepEqual(result, { kind: "failed", failure: webPkiInvalid(words) }, name);
    assert.equal(bad.requests.length, 0, `${name}: nothing was asked of it`);
  }
});

test("a wildcard certificate for the whole first label is as good (STS-GET-2)", async () => {
  await using wild = await startPolicyHost(authority, () => authority.issue({ names: ["*.d.example"] }));
  wild.respond = serve(TEXT);
  assert.equal((await fetcher({ port: wild.port })("d.example")).kind, "fetched");
});

test("no TLS, or one older than 1.2, is no policy host (STS-GET-2)", async () => {
  await using old = await startPolicyHost(authority, undefined, {
    minVersion: "TLSv1",
    maxVersion: "TLSv1.1",
    ciphers: "DEFAULT@SECLEVEL=0",
  });
  old.respond = serve(TEXT);
  const outdated = await fetcher({ port: old.port })("d.example");
  assert.equal(outdated.kind === "failed" && outdated.failure.resultType, "sts-webpki-invalid");
  const lax = createSecureContext({ ca: authority.caPem, minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" });
  assert.equal(
    (await fetcher({ port: old.port, secureContext: lax })("d.example")).kind,
    "fetched",
    "it is the version",
  );
  await using plain = await startTcp((socket) => void socket.end("HTTP/1.1 200 OK\r\n\r\n"));
  const clear = await fetcher({ port: plain.port })("d.example");
  assert.equal(clear.kind === "failed" && clear.failure.resultType, "sts-webpki-invalid");
});

test("only status 200 is a policy, and a redirect is not followed (STS-GET-3)", async () => {
  for (const status of [201, 203, 204, 206, 301, 302, 303, 304, 307, 308, 401, 404, 410, 429, 500, 503]) {
    host.requests.length = 0;
    const location = `https://${HOST}:${host.port}/elsewhere`;
    const failure = await failureWhen(serve(status === 204 || status === 304 ? "" : TEXT, { location }, status));
    assert.deepEqual(failure, fetchError(`it answered with status ${status}`));
    assert.equal(host.requests.length, 1);
  }
});

test("each fetch is a request of its own on a connection of its own: nothing is cached or kept (STS-GET-4)", async () => {
  host.requests.length = 0;
  host.connections = 0;
  const headers = { "cache-control": "public, max-age=86400", etag: '"1"', connection: "keep-alive" };
  const fetchPolicy = fetcher();
  for (const mode of ["enforce", "testing"]) {
    host.respond = serve(TEXT.replace("enforce", mode), headers);
    const result = await fetchPolicy("d.example");
    assert.equal(result.kind === "fetched" && result.policy.mode, mode);
  }
  assert.deepEqual([host.requests.length, host.connections], [2, 2]);
});

test("the environment puts no proxy in between and does not switch verification off (STS-GET-4)", async () => {
  let proxied = 0;
  await using proxy = await startTcp((socket) => {
    proxied++;
    socket.destroy();
  });
  await using impostor = await startPolicyHost(authority, () => selfSigned([HOST]));
  impostor.respond = serve(TEXT);
  host.respond = serve(TEXT);
  const source = new URL("../../src/", import.meta.url);
  const script = `
    import { createSecureContext } from "node:tls";
    const { createPolicyFetch } = await import(${JSON.stringify(new URL("mta-sts/policy-fetch.ts", source))});
    const { createAddressGuard } = await import(${JSON.stringify(new URL("dns/address-guard.ts", source))});
    const records = [{ address: "127.0.0.1", family: 4 }];
    for (const port of [${host.port}, ${impostor.port}]) {
      const fetchPolicy = createPolicyFetch({
        dns: { addresses: async () => ({ kind: "found", records }) },
        guard: createAddressGuard({ allow: ["127.0.0.0/8"] }),
        port,
        secureContext: createSecureContext({ ca: process.env.CA }),
      });
      const result = await fetchPolicy("d.example");
      console.log(result.kind === "failed" ? result.failure.resultType : result.kind);
    }`;
  const address = `http://127.0.0.1:${proxy.port}`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    env: {
      PATH: process.env["PATH"],
      CA: authority.caPem,
      NODE_USE_ENV_PROXY: "1",
      HTTPS_PROXY: address,
      https_proxy: address,
      ALL_PROXY: address,
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
    },
  });
  assert.deepEqual(stdout.trim().split("\n"), ["fetched", "sts-webpki-invalid"]);
  assert.equal(proxied, 0);
});

test("the media type is text/plain, whatever its parameters (STS-GET-5)", async () => {
  for (const type of ["text/plain", "text/plain; charset=utf-8", "TEXT/Plain;charset=iso-8859-1", "text/plain ;x=y"]) {
    assert.equal((await fetchWhen(serve(TEXT, { "content-type": type }))).kind, "fetched", type);
  }
  for (const type of ["text/html", "application/octet-stream", "text/plainer", "application/json; a=text/plain"]) {
    const failure = await failureWhen(serve(TEXT, { "content-type": type }));
    assert.deepEqual(failure, fetchError("its answer is not of type text/plain"), type);
  }
  const untyped = await failureWhen((_request, response) => response.end(TEXT));
  assert.deepEqual(untyped, fetchError("its answer is of no type"));
});

test("a body of 64 KiB is read, a larger one by its own word is not (STS-GET-6)", async () => {
  const filled = (sizeBytes: number) => `${TEXT}x: ${"y".repeat(sizeBytes - TEXT.length - 3)}`;
  assert.equal((await fetchWhen(serve(filled(65_536)))).kind, "fetched");
  assert.deepEqual(await failureWhen(serve(filled(65_537))), fetchError("its answer is larger than 65536 bytes"));
  // Not a byte of it is waited for.
  const announced: Respond = (_request, response) =>
    response.writeHead(200, { "content-type": "text/plain", "content-length": "65537" }).flushHeaders();
  assert.deepEqual(await failureWhen(announced), fetchError("its answer is larger than 65536 bytes"));
});

test("the size limit cuts the transfer off: the rest is not read (STS-GET-6)", async () => {
  const { promise: cut, resolve } = Promise.withResolvers<number>();
  const failure = await failureWhen((_request, response) => {
    response.writeHead(200, { "content-type": "text/plain" });
    let sent = 0;
    const more = () => {
      do sent += 4096;
      while (sent < 64 * 1024 * 1024 && response.write("x".repeat(4096)));
    };
    response.on("drain", more);
    response.on("close", () => resolve(sent));
    more();
  });
  assert.deepEqual(failure, fetchError("its answer is larger than 65536 bytes"));
  assert.ok((await cut) < 32 * 1024 * 1024);
});

test("the time limit is one for the whole exchange, and cuts off a host that drips (STS-GET-6)", async () => {
  const drip = (response: ServerResponse, write: () => void) => {
    const timer = setInterval(write, 20);
    const { promise, resolve } = Promise.withResolvers<void>();
    response.on("close", () => {
      clearInterval(timer);
      resolve();
    });
    return promise;
  };
  const late = fetchError("no whole answer within 0.3 s");
  let cut: Promise<void> | undefined;

  const body = await failureWhen(
    (_request, response) => {
      response.writeHead(200, { "content-type": "text/plain" });
      cut = drip(response, () => response.write("x"));
    },
    { timeoutMs: 300 },
  );
  assert.deepEqual(body, late);
  await cut;

  const head = await failureWhen(
    (_request, response) => {
      cut = drip(response, () => response.socket?.write("x"));
      response.socket?.write("HTTP/1.1 200 OK\r\nx: ");
    },
    { timeoutMs: 300 },
  );
  assert.deepEqual(head, late);
  await cut;

  await using silent = await startTcp(() => undefined);
  const nothing = await fetcher({ port: silent.port, timeoutMs: 300 })("d.example");
  assert.deepEqual(withoutCause(nothing), { kind: "failed", failure: late });
});

test("an endless head is cut off (STS-GET-6)", async () => {
  const failure = await failureWhen((_request, response) => {
    response.writeHead(200, { "content-type": "text/plain", "x-filler": "x".repeat(40_000) }).end(TEXT);
  });
  assert.deepEqual(failure, fetchError("its answer has too long a head"));
});

test("compression was not asked for and is not taken (STS-GET-6)", async () => {
  assert.deepEqual(
    await failureWhen(serve(gzipSync(TEXT), { "content-encoding": "gzip" })),
    fetchError("its answer is compressed, which was not asked for"),
  );
  assert.equal((await fetchWhen(serve(TEXT, { "content-encoding": "Identity" }))).kind, "fetched");
});

test("a body cut short on the way is not taken for a whole one (STS-POL-5)", async () => {
  // As it would be with `max_age: 8` left of 86400.
  const cut = TEXT.slice(0, TEXT.indexOf("6400"));
  const raw = (head: string): Respond => {
    return (_request, response) => {
      response.socket?.end(`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n${head}\r\n\r\n${cut}`);
    };
  };
  assert.deepEqual(await failureWhen(raw("connection: close")), fetchError("its answer does not say where it ends"));
  assert.deepEqual(await failureWhen(raw(`content-length: ${TEXT.length}`)), fetchError("it broke the connection off"));
  const size = TEXT.length.toString(16);
  const chunk = `transfer-encoding: chunked\r\n\r\n${size}`;
  assert.deepEqual(await failureWhen(raw(chunk)), fetchError("it broke the connection off"));
});

test("what is no policy is sts-policy-invalid, and says where (STS-POL-5)", async () => {
  const cases: [body: string | Uint8Array, words: string][] = [
    [TEXT.replace("enforce", "force"), 'line 2: mode "force" is not enforce, testing or none'],
    [Buffer.from(`${TEXT}x: \u00FC`, "latin1"), "not UTF-8"],
    ["", "no version"],
  ];
  for (const [body, words] of cases) {
    assert.deepEqual(await failureWhen(serve(body)), {
      resultType: "sts-policy-invalid",
      detail: `the policy of ${HOST}: ${words}`,
    });
  }
});

test("only addresses that the guard allows are connected to (STS-GET-9)", async () => {
  host.respond = serve(TEXT);
  host.connections = 0;
  const refused = await fetcher({ guard: createAddressGuard({ allow: [] }) })("d.example");
  assert.equal(refused.kind, "failed");
  if (refused.kind === "failed") {
    assert.equal(refused.failure.resultType, "sts-policy-fetch-error");
    assert.match(refused.failure.detail, /^mta-sts\.d\.example: none of its addresses .* 127\.0\.0\.1 /);
  }
  assert.equal(host.connections, 0);

  dns.set("mta-sts.mixed.example", "A", ["127.0.0.2", "10.0.0.1", "127.0.0.1"]);
  const asked: string[] = [];
  const guard = (address: string) => {
    asked.push(address);
    return address === "127.0.0.1" ? { allowed: true as const } : { allowed: false as const, why: "no" };
  };
  assert.equal((await fetcher({ guard })("mixed.example")).kind, "fetched");
  assert.deepEqual(asked.sort(), ["10.0.0.1", "127.0.0.1", "127.0.0.2"]);
});

test("when one address refuses, the next one is tried (STS-GET-9)", async () => {
  host.respond = serve(TEXT);
  dns.set("mta-sts.two.example", "A", ["127.0.0.3", "127.0.0.2", "127.0.0.1"]);
  dns.set("mta-sts.both.example", "A", ["127.0.0.1"]);
  dns.set("mta-sts.both.example", "AAAA", ["::1"]);
  assert.equal((await fetcher()("two.example")).kind, "fetched");
  assert.equal((await fetcher()("both.example")).kind, "fetched");

  dns.set("mta-sts.shut.example", "A", ["127.0.0.2", "127.0.0.3"]);
  const shut = await fetcher()("shut.example");
  assert.equal(shut.kind === "failed" && shut.failure.detail, "mta-sts.shut.example: it refused the connection");
});

test("a host that has no address, or none that could be found out, is a failed fetch (STS-GET-8)", async () => {
  dns.behave("mta-sts.mute.example", "A", "servfail");
  dns.behave("mta-sts.mute.example", "AAAA", "servfail");
  const failures = {
    "gone.example": "mta-sts.gone.example: it has no address",
    "mute.example": "mta-sts.mute.example: its address could not be found out (servfail)",
  };
  for (const [domain, detail] of Object.entries(failures)) {
    const failure = { resultType: "sts-policy-fetch-error", detail };
    assert.deepEqual(withoutCause(await fetcher()(domain)), { kind: "failed", failure });
  }
});

test("an abort ends the fetch at once, with the signal's reason", async () => {
  const stop = new AbortController();
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  host.respond = (_request, response) => {
    response.on("close", resolve);
    stop.abort(new Error("the relay ends"));
  };
  await assert.rejects(fetcher()("d.example", stop.signal), /the relay ends/);
  await closed;
  await assert.rejects(fetcher()("d.example", stop.signal), /the relay ends/);
});

async function startTcp(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    onConnection(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
