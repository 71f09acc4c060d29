import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { after, test } from "node:test";
import { createAuthority } from "../../src/lab/authority.ts";
import { issueKind } from "../../src/lab/certificate-kind.ts";
import { POLICY_PATH, type PolicyHostBehaviour, startPolicyHosts } from "../../src/lab/policy-host.ts";

const TEXT = "version: STSv1\nmode: enforce\nmx: mx.lab.test\nmax_age: 86400\n";
const [trusted, other] = await Promise.all([createAuthority(), createAuthority()]);
const hosts = await startPolicyHosts({
  host: "127.0.0.1",
  port: 0,
  issue: (kind, host) => issueKind(kind, host, { trusted, other }),
});
after(() => hosts.close());

async function get(domain: string, path: string = POLICY_PATH): Promise<{ response: IncomingMessage; body: string }> {
  const servername = `mta-sts.${domain}`;
  const asked = request({
    host: hosts.address,
    port: hosts.port,
    path,
    servername,
    headers: { host: `${servername}:${hosts.port}` },
    ca: trusted.caPem,
    agent: false,
  });
  asked.end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const body = (await response.setEncoding("utf8").toArray()).join("");
  return { response, body };
}

test("each domain has its own certificate and policy, and what was asked is on record (STS-GET-1)", async () => {
  hosts.set("a.test", { text: TEXT });
  hosts.set("b.test", { text: "other" });
  assert.equal((await get("a.test")).body, TEXT);
  assert.equal((await get("b.test")).body, "other");
  assert.equal((await get("a.test", "/else")).response.statusCode, 404);
  assert.deepEqual(
    hosts.requests("a.test").map(({ path, servername, host }) => ({ path, servername, host })),
    [POLICY_PATH, "/else"].map((path) => ({
      path,
      servername: "mta-sts.a.test",
      host: `mta-sts.a.test:${hosts.port}`,
    })),
  );
  hosts.set("b.test", undefined);
  await assert.rejects(get("b.test"), "no behaviour, no host");
});

test("what each behaviour answers (STS-GET-3, STS-GET-5, STS-GET-6)", async () => {
  const cases: [PolicyHostBehaviour, { status: number; type: string | undefined; size: number }][] = [
    [{ text: TEXT }, { status: 200, type: "text/plain", size: TEXT.length }],
    [
      { text: TEXT, status: 404 },
      { status: 404, type: "text/plain", size: TEXT.length },
    ],
    [
      { text: TEXT, contentType: "text/html" },
      { status: 200, type: "text/html", size: TEXT.length },
    ],
    [
      { text: TEXT, contentType: "" },
      { status: 200, type: undefined, size: TEXT.length },
    ],
    [
      { text: TEXT, sizeBytes: 65 * 1024 },
      { status: 200, type: "text/plain", size: 65 * 1024 },
    ],
    [
      { text: TEXT, redirect: true },
      { status: 301, type: undefined, size: 0 },
    ],
  ];
  for (const [behaviour, expected] of cases) {
    hosts.set("c.test", behaviour);
    const { response, body } = await get("c.test");
    const seen = { status: response.statusCode, type: response.headers["content-type"], size: body.length };
    assert.deepEqual(seen, expected, JSON.stringify(behaviour));
    if (behaviour.redirect === true) {
      const location = new URL(response.headers.location ?? "");
      assert.equal(location.host, `mta-sts.c.test:${hosts.port}`);
      assert.equal((await get("c.test", location.pathname)).body, TEXT, "a fine policy for whoever follows");
    }
  }
});

test("which certificates a careful client refuses, and how (STS-GET-2)", async () => {
  const cases = {
    good: undefined,
    wildcard: undefined,
    "self-signed": "DEPTH_ZERO_SELF_SIGNED_CERT",
    "other-authority": "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    expired: "CERT_HAS_EXPIRED",
    "not-yet-valid": "CERT_NOT_YET_VALID",
    "wrong-name": "ERR_TLS_CERT_ALTNAME_INVALID",
  } as const;
  for (const [kind, expected] of Object.entries(cases)) {
    hosts.set("d.test", { text: TEXT, certificate: kind as keyof typeof cases });
    if (expected === undefined) assert.equal((await get("d.test")).body, TEXT, kind);
    else await assert.rejects(get("d.test"), { code: expected }, kind);
  }
});

test("a dripping host sends a byte at a time and stops when the client goes", async () => {
  hosts.set("e.test", { text: TEXT, drip: true });
  const servername = "mta-sts.e.test";
  const asked = request({
    host: hosts.address,
    port: hosts.port,
    path: POLICY_PATH,
    servername,
    ca: trusted.caPem,
    agent: false,
  });
  asked.end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const [first] = (await once(response, "data")) as [Buffer];
  assert.equal(first.toString(), "v");
  response.on("error", () => undefined);
  asked.destroy();
});

test("a policy host that is down refuses connections, and is back at the same port", async () => {
  hosts.set("f.test", { text: TEXT });
  await hosts.down();
  await assert.rejects(get("f.test"), { code: "ECONNREFUSED" });
  await hosts.up();
  assert.equal((await get("f.test")).body, TEXT);
});
