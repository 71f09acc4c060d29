import assert from "node:assert/strict";
import { test } from "node:test";
import { answerWith, type PolicyRequest, readRequest } from "../../src/publish/answer.ts";
import { publishedPolicy } from "../../src/publish/published-policy.ts";

const PATH = "/.well-known/mta-sts.txt";
const HOST = "mta-sts.a.example";
const GET: PolicyRequest = { method: "GET", target: PATH, hosts: [HOST], ifNoneMatch: undefined };

test("the domain is that of the Host field, whatever its port and letter case; other paths and methods have no policy (RFC 8461 section 3.2, RFC 9110 section 15.5.6)", () => {
  const cases: [change: Partial<PolicyRequest>, expected: string | number][] = [
    [{}, "a.example"],
    [{ method: "HEAD" }, "a.example"],
    [{ hosts: ["MTA-STS.A.Example"] }, "a.example"],
    [{ hosts: [`${HOST}:443`] }, "a.example"],
    [{ hosts: [`${HOST}:8443`] }, "a.example"],
    [{ hosts: [`${HOST}:`] }, "a.example"],
    [{ hosts: [`${HOST}.`] }, "a.example"],
    [{ target: `${PATH}?from=here` }, "a.example"],
    [{ target: `https://mta-sts.b.example:443${PATH}` }, "b.example"],
    [{ target: `HTTP://mta-sts.b.example${PATH}` }, "b.example"],
    [{ hosts: [] }, 404],
    [{ hosts: [""] }, 404],
    [{ hosts: ["a.example"] }, 404],
    [{ hosts: ["x-mta-sts.a.example"] }, 404],
    [{ hosts: ["mta-sts."] }, 404],
    [{ hosts: ["192.0.2.1"] }, 404],
    [{ hosts: ["[::1]:443"] }, 404],
    [{ hosts: [`${HOST}:44x3`] }, 404],
    [{ hosts: [`${HOST}, mta-sts.b.example`] }, 404],
    [{ hosts: [HOST, HOST] }, 400],
    [{ target: "/" }, 404],
    [{ target: "*" }, 404],
    [{ target: "/.well-known/mta-sts.txt/" }, 404],
    [{ target: "/.well-known/MTA-STS.txt" }, 404],
    [{ target: "/.well-known/../.well-known/mta-sts.txt" }, 404],
    [{ target: "//mta-sts.b.example/.well-known/mta-sts.txt" }, 404],
    [{ method: "POST" }, 405],
    [{ method: "OPTIONS" }, 405],
    [{ method: "DELETE" }, 405],
    [{ method: "POST", target: "/" }, 404],
  ];
  for (const [change, expected] of cases) {
    const asked = readRequest({ ...GET, ...change });
    const got = asked.kind === "policy" ? asked.domain : asked.answer.status;
    assert.equal(got, expected, JSON.stringify(change));
    if (expected === 405) assert.equal(asked.kind === "refused" && asked.answer.headers["allow"], "GET, HEAD");
  }
});

const published = publishedPolicy({ domain: "a.example", mode: "testing", maxAgeSeconds: 86_400, mx: "dns" }, [
  "mx.a.example",
]);
const state = { kind: "policy", published } as const;

test("a policy is plain text, marked by its id, and a copy of it is never used unasked (RFC 8461 section 3.2, RFC 9111 section 5.2.2.4)", () => {
  assert.deepEqual(answerWith(state, undefined), {
    status: 200,
    headers: { "content-type": "text/plain", etag: `"${published.id}"`, "cache-control": "no-cache" },
    body: "version: STSv1\r\nmode: testing\r\nmx: mx.a.example\r\nmax_age: 86400\r\n",
  });
});

test("who has the policy is told so (RFC 9110 section 13.1.2)", () => {
  const etag = `"${published.id}"`;
  const cases: [field: string, status: number][] = [
    [etag, 304],
    [`W/${etag}`, 304],
    [`"other", ${etag}`, 304],
    ["*", 304],
    ['"other"', 200],
    [published.id, 200],
    ["", 200],
  ];
  for (const [field, status] of cases) {
    const answer = answerWith(state, field);
    assert.equal(answer.status, status, field);
    assert.equal(answer.headers["etag"], etag);
    assert.equal(answer.body === "", status === 304);
  }
});

test("no policy of ours is 404, one that cannot be made at this moment is 503 and kept by nobody", () => {
  assert.equal(answerWith(undefined, undefined).status, 404);
  const answer = answerWith({ kind: "unavailable", domain: "a.example", detail: "the secret detail" }, "*");
  assert.deepEqual([answer.status, answer.headers["cache-control"]], [503, "no-store"]);
  assert.doesNotMatch(answer.body, /detail/);
});
