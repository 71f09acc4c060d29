import assert from "node:assert/strict";
import { buffer } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { createAddressGuard } from "../../src/dns/address-guard.ts";
import { type Authority, createAuthority } from "../../src/lab/authority.ts";
import { createTrust } from "../../src/tls/trust.ts";
import { createPostReport } from "../../src/tlsrpt/post.ts";
import { type PolicyHost, serve, startPolicyHost } from "../mta-sts/support/policy-host.ts";
import { createZoneResolver } from "../support/zone-resolver.ts";

const REPORT = Buffer.from("not really gzip");
let authority: Authority;
let host: PolicyHost;

before(async () => {
  authority = await createAuthority();
  const other = await createAuthority("other");
  host = await startPolicyHost(authority, (name) => {
    if (name.startsWith("untrusted.")) return other.issue({ names: [name] });
    return authority.issue({ names: [name.startsWith("misnamed.") ? "another.example" : name] });
  });
});
after(() => host[Symbol.asyncDispose]());

function poster(change: { allow?: string[]; timeoutMs?: number } = {}) {
  const dns = createZoneResolver({
    "r.example": { addresses: ["127.0.0.1"] },
    "untrusted.example": { addresses: ["127.0.0.1"] },
    "misnamed.example": { addresses: ["127.0.0.1"] },
    "broken.example": { addresses: "servfail" },
  });
  const guard = createAddressGuard({ allow: change.allow ?? ["127.0.0.0/8"] });
  const { strict } = createTrust(authority.caPem);
  const post = createPostReport({ dns, guard, secureContext: strict, timeoutMs: change.timeoutMs ?? 5_000 });
  return (at: string, signal?: AbortSignal) => post(new URL(at.replace("PORT", String(host.port))), REPORT, signal);
}

test("a report is posted with its media type, and any 2xx is success (RPT-SEND-3)", async () => {
  for (const status of [200, 201, 202, 204]) {
    let seen:
      | { method: string | undefined; type: string | undefined; url: string | undefined; body: Buffer }
      | undefined;
    host.respond = (request, response) =>
      void buffer(request).then((body) => {
        seen = { method: request.method, type: request.headers["content-type"], url: request.url, body };
        response.writeHead(status).end();
      });
    assert.deepEqual(await poster()("https://r.example:PORT/a?b=c"), { kind: "accepted" });
    assert.deepEqual(seen, { method: "POST", type: "application/tlsrpt+gzip", url: "/a?b=c", body: REPORT });
  }
});

test("any other answer is a failure, and a redirect is not followed (RPT-SEND-3, RPT-SEND-4)", async () => {
  for (const status of [301, 307, 400, 404, 429, 500, 503]) {
    host.respond = serve("", { location: "https://r.example/elsewhere" }, status);
    const before = host.requests.length;
    assert.deepEqual(await poster()("https://r.example:PORT/"), {
      kind: "failed",
      detail: `it answered with status ${status}`,
    });
    assert.equal(host.requests.length, before + 1);
  }
});

test("nothing is sent to an address that is not public, named or written out, nor where certificate or DNS do not hold (RPT-SEND-4)", async () => {
  const cases: [string, string[], RegExp][] = [
    ["https://r.example:PORT/", [], /127\.0\.0\.1 is not a public address/],
    ["https://127.0.0.1:PORT/", [], /127\.0\.0\.1 is not a public address/],
    ["https://[::1]:PORT/", [], /::1 is not a public address/],
    ["https://[::ffff:127.0.0.1]:PORT/", [], /is not a public address/],
    ["https://2130706433:PORT/", [], /is not a public address/],
    ["https://untrusted.example:PORT/", ["127.0.0.0/8"], /SELF_SIGNED|UNABLE_TO/],
    ["https://misnamed.example:PORT/", ["127.0.0.0/8"], /ALTNAME/],
    ["https://127.0.0.1:PORT/", ["127.0.0.0/8"], /connection failed/],
    ["https://absent.example:PORT/", ["127.0.0.0/8"], /no address/],
    ["https://broken.example:PORT/", ["127.0.0.0/8"], /could not be found out/],
    ["https://r.example:1/", ["127.0.0.0/8"], /ECONNREFUSED/],
  ];
  host.respond = serve("", {}, 200);
  const before = host.requests.length;
  for (const [url, allow, why] of cases) {
    const outcome = await poster({ allow })(url);
    assert.ok(outcome.kind === "failed" && why.test(outcome.detail), `${url}: ${JSON.stringify(outcome)}`);
  }
  assert.equal(host.requests.length, before, "nobody got a report");
});

test("an endpoint that does not answer is given up, and one that answers without end is cut off (RPT-SEND-4)", async () => {
  host.respond = () => undefined;
  const late = await poster({ timeoutMs: 200 })("https://r.example:PORT/");
  assert.deepEqual(late, { kind: "failed", detail: "no whole answer within 0.2 s" });
  host.respond = (_request, response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536))) continue;
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  };
  assert.deepEqual(await poster()("https://r.example:PORT/"), { kind: "accepted" });
  host.respond = () => undefined;
  const stopping = new AbortController();
  const posting = poster()("https://r.example:PORT/", stopping.signal);
  setImmediate(() => stopping.abort(new Error("the relay stops")));
  await assert.rejects(posting, /the relay stops/);
});
