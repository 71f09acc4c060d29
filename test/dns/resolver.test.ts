import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { DnsAnswer } from "../../src/dns/answer.ts";
import { createResolver, type ResolverOptions } from "../../src/dns/resolver.ts";
import { startDnsServer, type LabDnsBehaviour, type LabDnsServer } from "../../src/lab/dns-server.ts";

const start = () => startDnsServer({ host: "127.0.0.1" });

/** Long enough for a loaded machine, short enough to wait for. */
const SHORT_MS = 250;

const resolverAt = (server: LabDnsServer, options: Partial<ResolverOptions> = {}) =>
  createResolver({ servers: [server.address], timeoutMs: 5000, ...options });

/** The kind of an answer and why, in one word. */
function word(answer: DnsAnswer<unknown>): string {
  if (answer.kind === "unknown") return answer.why;
  return answer.kind === "absent" ? answer.status : "found";
}

const asked = (server: LabDnsServer) =>
  server.queries.map(({ name, type, transport }) => `${transport} ${type} ${name}`);

test("TXT, MX and addresses come as the relay's own values", async () => {
  await using server = await start();
  server.set("_mta-sts.example.test", "TXT", [["v=STSv1; ", "id=1;"], ["other \u00e9"]], { ttl: 60 });
  server.set("example.test", "MX", [
    { preference: 20, exchange: "B.Example.test" },
    { preference: 10, exchange: "a.example.test." },
  ]);
  server.set("null.example.test", "MX", [{ preference: 0, exchange: "." }]);
  server.set("a.example.test", "A", ["192.0.2.1", "192.0.2.2"]);
  server.set("a.example.test", "AAAA", ["2001:db8::1"]);
  const dns = resolverAt(server);

  assert.deepEqual(await dns.txt("_mta-sts.Example.test."), {
    kind: "found",
    records: ["v=STSv1; id=1;", "other \u00e9"],
    name: "_mta-sts.example.test",
    ttlSeconds: 60,
    authentic: false,
  });
  assert.deepEqual(await dns.mx("example.test"), {
    kind: "found",
    records: [
      { preference: 20, exchange: "b.example.test" },
      { preference: 10, exchange: "a.example.test" },
    ],
    name: "example.test",
    ttlSeconds: 300,
    authentic: false,
  });
  const nullMx = await dns.mx("null.example.test");
  assert.deepEqual(nullMx.kind === "found" && nullMx.records, [{ preference: 0, exchange: "" }]);
  assert.deepEqual(await dns.addresses("a.example.test"), {
    kind: "found",
    records: [
      { address: "192.0.2.1", family: 4 },
      { address: "192.0.2.2", family: 4 },
      { address: "2001:db8::1", family: 6 },
    ],
    name: "a.example.test",
    ttlSeconds: 300,
    authentic: false,
  });
});

test("there is none, and could not ask, are different answers (STS-TXT-7)", async () => {
  const cases: [LabDnsBehaviour | undefined, string][] = [
    [undefined, "nodata"],
    ["nxdomain", "nxdomain"],
    ["servfail", "servfail"],
    ["refused", "refused"],
    ["formerr", "servfail"],
    ["drop", "timeout"],
  ];
  await using server = await start();
  server.set("example.test", "MX", [{ preference: 1, exchange: "mx.test" }]);
  const dns = resolverAt(server, { timeoutMs: SHORT_MS, tries: 1 });
  for (const [behaviour, expected] of cases) {
    server.behave("example.test", "TXT", behaviour);
    assert.equal(word(await dns.txt("example.test", { fresh: true })), expected, behaviour ?? "no such record");
  }
  assert.equal(word(await dns.txt("other.test")), "nxdomain");
});

test("a server that is gone is unreachable, and the detail names it and the question", async () => {
  const server = await start();
  await server.close();
  const answer = await resolverAt(server).txt("example.test");
  assert.deepEqual(answer, {
    kind: "unknown",
    why: "unreachable",
    detail: `TXT example.test: ${server.address}: ECONNREFUSED`,
  });
});

test("the next server is asked when one fails, and none when one knows", async () => {
  const cases: [LabDnsBehaviour, string][] = [
    ["servfail", "found"],
    ["refused", "found"],
    ["formerr", "found"],
    ["drop", "found"],
    ["nxdomain", "nxdomain"],
  ];
  for (const [behaviour, expected] of cases) {
    await using first = await start();
    await using second = await start();
    for (const server of [first, second]) server.set("example.test", "TXT", [["x"]]);
    first.behave("example.test", "TXT", behaviour);
    const dns = createResolver({ servers: [first.address, second.address], timeoutMs: SHORT_MS });
    assert.equal(word(await dns.txt("example.test")), expected, behaviour);
    assert.equal(first.queries.length, 1, behaviour);
    assert.equal(second.queries.length, expected === "found" ? 1 : 0, behaviour);
  }
});

test("all servers are asked in each round, and the last failure is the answer", async () => {
  await using first = await start();
  await using second = await start();
  first.behave("example.test", "TXT", "refused");
  second.behave("example.test", "TXT", "servfail");
  const dns = createResolver({ servers: [first.address, second.address], tries: 3 });
  const answer = await dns.txt("example.test");
  assert.deepEqual(answer, {
    kind: "unknown",
    why: "servfail",
    detail: `TXT example.test: ${first.address}: REFUSED; ${second.address}: SERVFAIL`,
  });
  assert.equal(first.queries.length, 3);
  assert.equal(second.queries.length, 3);
});

test("a later round finds a server that has come back", async () => {
  await using server = await start();
  server.set("example.test", "TXT", [["x"]]);
  server.down();
  const answer = resolverAt(server, { timeoutMs: SHORT_MS, tries: 100 }).txt("example.test");
  while (server.queries.length < 2) await new Promise((resolve) => setImmediate(resolve));
  server.up();
  assert.equal(word(await answer), "found");
});

test("what does not fit into UDP is asked for over TCP (RFC 7766)", async () => {
  await using server = await start();
  server.set(
    "big.test",
    "TXT",
    Array.from({ length: 40 }, (_, i) => ["x".repeat(200), String(i)]),
  );
  server.set("forced.test", "TXT", [["x"]]);
  server.behave("forced.test", "TXT", "truncate");
  const dns = resolverAt(server);
  const big = await dns.txt("big.test");
  assert.equal(big.kind === "found" && big.records.length, 40);
  assert.equal(word(await dns.txt("forced.test")), "found");
  assert.deepEqual(asked(server), [
    "udp TXT big.test",
    "tcp TXT big.test",
    "udp TXT forced.test",
    "tcp TXT forced.test",
  ]);
});

test("CNAMEs are followed, and what is at the end counts (STS-TXT-1, RFC 8461 section 8.2)", async () => {
  await using server = await start();
  server.set("_mta-sts.example.test", "CNAME", ["_mta-sts.provider.test"], { ttl: 30 });
  server.set("_mta-sts.provider.test", "CNAME", ["end.provider.test"]);
  server.set("end.provider.test", "TXT", [["v=STSv1; id=1;"]]);
  server.set("nodata.test", "CNAME", ["empty.test"]);
  server.set("empty.test", "A", ["192.0.2.1"]);
  server.set("nxdomain.test", "CNAME", ["gone.test"]);
  server.set("loop.test", "CNAME", ["loop2.test"]);
  server.set("loop2.test", "CNAME", ["loop.test"]);
  const dns = resolverAt(server);
  assert.deepEqual(await dns.txt("_mta-sts.example.test"), {
    kind: "found",
    records: ["v=STSv1; id=1;"],
    name: "end.provider.test",
    ttlSeconds: 30,
    authentic: false,
  });
  assert.equal(word(await dns.txt("nodata.test")), "nodata");
  assert.equal(word(await dns.txt("nxdomain.test")), "nxdomain");
  assert.equal(word(await dns.txt("loop.test")), "cname-loop");
  assert.equal(server.queries.length, 4, "one question each: the chains are in the replies");
});

test("a chain from reply to reply is followed, with the shortest TTL (RFC 1034 section 5.3.3)", async () => {
  await using server = await start();
  const names = ["a.test", "b.test", "c.test"];
  for (const [i, name] of names.entries()) {
    server.set(name, "CNAME", [names[i + 1] ?? "end.test"], { ttl: 100 - i });
    server.behave(name, "TXT", "alias-only");
  }
  server.set("end.test", "TXT", [["x"]]);
  const answer = await resolverAt(server).txt("a.test");
  assert.deepEqual(answer, { kind: "found", records: ["x"], name: "end.test", ttlSeconds: 98, authentic: false });
  assert.deepEqual(
    server.queries.map(({ name }) => name),
    [...names, "end.test"],
  );
});

test("a chain from reply to reply ends too: a loop is unknown after 16 links", async () => {
  await using server = await start();
  server.set("a.test", "CNAME", ["b.test"]);
  server.set("b.test", "CNAME", ["a.test"]);
  for (const name of ["a.test", "b.test"]) server.behave(name, "TXT", "alias-only");
  assert.equal(word(await resolverAt(server).txt("a.test")), "cname-loop");
  assert.equal(server.queries.length, 17);
});

test("a failure at the end of a chain is a failure, not an absence (STS-TXT-7)", async () => {
  await using server = await start();
  server.set("a.test", "CNAME", ["b.test"]);
  server.behave("a.test", "TXT", "alias-only");
  server.behave("b.test", "TXT", "servfail");
  assert.equal(word(await resolverAt(server).txt("a.test")), "servfail");
});

test("authentic is the AD bit of every reply on the way (RFC 4035 section 4.9.3)", async () => {
  await using signed = await start();
  await using unsigned = await start();
  signed.authentic = true;
  signed.set("a.signed.test", "TXT", [["x"]]);
  signed.set("to-unsigned.signed.test", "CNAME", ["a.test"]);
  signed.behave("to-unsigned.signed.test", "TXT", "alias-only");
  signed.set("both.signed.test", "A", ["192.0.2.1"]);
  signed.set("alias.signed.test", "CNAME", ["a.signed.test"]);
  signed.behave("alias.signed.test", "TXT", "alias-only");
  unsigned.set("a.test", "TXT", [["x"]]);
  unsigned.set("to-signed.test", "CNAME", ["alias.signed.test"]);
  unsigned.behave("to-signed.test", "TXT", "alias-only");
  const dns = createResolver({ servers: [unsigned.address], zones: { "signed.test": [signed.address] } });
  const authentic = async (answer: Promise<DnsAnswer<unknown>>) => {
    const said = await answer;
    return said.kind !== "unknown" && said.authentic;
  };
  assert.equal(await authentic(dns.txt("a.signed.test")), true);
  assert.equal(await authentic(dns.txt("none.signed.test")), true);
  assert.equal(await authentic(dns.addresses("both.signed.test")), true);
  assert.equal(await authentic(dns.txt("a.test")), false);
  assert.equal(await authentic(dns.txt("alias.signed.test")), true);
  assert.equal(await authentic(dns.txt("to-unsigned.signed.test")), false);
  assert.equal(await authentic(dns.txt("to-signed.test")), false);
});

test("a name in a forward zone is asked of that zone's servers only", async () => {
  await using usual = await start();
  await using inside = await start();
  for (const server of [usual, inside]) server.set("host.corp.example", "TXT", [[server.address]]);
  const dns = createResolver({ servers: [usual.address], zones: { "corp.example": [inside.address] } });
  assert.equal(word(await dns.txt("host.corp.example")), "found");
  inside.behave("host.corp.example", "TXT", "servfail");
  assert.equal(word(await dns.txt("host.corp.example", { fresh: true })), "servfail");
  assert.equal(usual.queries.length, 0);
});

test("answers are remembered for their TTL, denials as the SOA says (RFC 2308 section 5)", async () => {
  let time = 1_000_000;
  await using server = await start();
  server.set("example.test", "SOA", [{ mname: "ns.test", rname: "admin.test", minimum: 30 }], { ttl: 600 });
  server.set("example.test", "TXT", [["x"]], { ttl: 60 });
  server.set("zero.example.test", "TXT", [["x"]], { ttl: 0 });
  const dns = resolverAt(server, { now: () => time });
  const cases: [string, seconds: number, questions: number][] = [
    ["example.test", 59.999, 1],
    ["example.test", 60, 2],
    ["gone.example.test", 29.999, 1],
    ["gone.example.test", 30, 2],
    ["zero.example.test", 0, 2],
  ];
  for (const [name, seconds, questions] of cases) {
    server.queries.length = 0;
    const before = await dns.txt(name, { fresh: true });
    time += seconds * 1000;
    assert.equal(word(await dns.txt(name)), word(before));
    assert.equal(server.queries.length, questions, `${name} after ${seconds} s`);
  }
});

test("fresh asks past the cache, and its answer is remembered (STS-VAL-8)", async () => {
  await using server = await start();
  const dns = resolverAt(server);
  const text = async (options?: { fresh: boolean }) => {
    const answer = await dns.txt("example.test", options);
    return answer.kind === "found" ? answer.records[0] : answer.kind;
  };
  server.set("example.test", "TXT", [["old"]]);
  assert.equal(await text(), "old");
  server.set("example.test", "TXT", [["new"]]);
  assert.equal(await text(), "old");
  assert.equal(await text({ fresh: true }), "new");
  assert.equal(await text(), "new");
  server.behave("example.test", "TXT", "servfail");
  assert.equal(await text({ fresh: true }), "unknown");
  assert.equal(await text(), "new", "a failure does not end what was known");
});

test("failures are not remembered: the next caller asks again (STS-TXT-7)", async () => {
  await using server = await start();
  server.set("example.test", "TXT", [["x"]]);
  server.behave("example.test", "TXT", "servfail");
  const dns = resolverAt(server);
  assert.equal(word(await dns.txt("example.test")), "servfail");
  server.behave("example.test", "TXT", undefined);
  assert.equal(word(await dns.txt("example.test")), "found");
});

test("the same question at the same time is asked once", async () => {
  await using server = await start();
  server.set("example.test", "TXT", [["x"]], { ttl: 0 });
  const dns = resolverAt(server);
  const names = ["example.test", "EXAMPLE.test", "example.test."];
  const answers = await Promise.all(names.flatMap((name) => [dns.txt(name), dns.txt(name, { fresh: true })]));
  assert.deepEqual(new Set(answers.map(word)), new Set(["found"]));
  assert.equal(server.queries.length, 1);
  await dns.txt("example.test");
  assert.equal(server.queries.length, 2);
});

test("a caller that gives up gets `aborted`, and the others get their answer", async () => {
  await using server = await start();
  server.set("example.test", "TXT", [["x"]]);
  server.down();
  const dns = resolverAt(server, { timeoutMs: SHORT_MS, tries: 100 });
  const leaving = new AbortController();
  const left = dns.txt("example.test", { signal: leaving.signal });
  const stayed = dns.txt("example.test");
  leaving.abort();
  assert.equal(word(await left), "aborted");
  server.up();
  assert.equal(word(await stayed), "found");
  assert.equal(word(await dns.txt("example.test", { signal: leaving.signal })), "aborted");
});

test("when the last caller gives up, nothing more is asked", async () => {
  await using server = await start();
  server.down();
  const dns = resolverAt(server, { timeoutMs: 60_000 });
  const leaving = new AbortController();
  const left = dns.addresses("example.test", { signal: leaving.signal });
  setImmediate(() => leaving.abort());
  await once(leaving.signal, "abort");
  assert.equal(word(await left), "aborted");
});

test("addresses: one family's failure spoils an absence, not a find (STS-TXT-7)", async () => {
  const cases: [a: string[], aaaa: LabDnsBehaviour | undefined, string][] = [
    [["192.0.2.1"], undefined, "found"],
    [["192.0.2.1"], "servfail", "found"],
    [["192.0.2.1"], "drop", "found"],
    [[], undefined, "nodata"],
    [[], "servfail", "servfail"],
    [[], "drop", "timeout"],
  ];
  await using server = await start();
  const dns = resolverAt(server, { timeoutMs: SHORT_MS, tries: 1 });
  for (const [a, aaaa, expected] of cases) {
    server.set("mx.test", "A", a);
    server.behave("mx.test", "AAAA", aaaa);
    assert.equal(word(await dns.addresses("mx.test", { fresh: true })), expected, `${a.length} A, AAAA ${aaaa}`);
  }
});

test("A and AAAA are asked at the same time", async () => {
  await using server = await start();
  server.set("mx.test", "A", ["192.0.2.1"]);
  server.down();
  const answer = resolverAt(server, { timeoutMs: SHORT_MS, tries: 100 }).addresses("mx.test");
  while (server.queries.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(new Set(asked(server).slice(0, 2)), new Set(["udp A mx.test", "udp AAAA mx.test"]));
  server.up();
  assert.equal(word(await answer), "found");
});

test("a name that no host can have does not exist, and nobody is asked", async () => {
  await using server = await start();
  const dns = resolverAt(server);
  const names = [
    "",
    ".",
    "a b.test",
    "192.0.2.1",
    `${"a".repeat(64)}.test`,
    `_mta-sts.${"a.".repeat(122)}test`,
    "*.test",
  ];
  for (const name of names) assert.equal(word(await dns.txt(name)), "nxdomain", name);
  assert.equal(server.queries.length, 0);
});

test("a U-label is asked as its A-label (RFC 5891 section 5)", async () => {
  await using server = await start();
  server.set("xn--bcher-kva.test", "TXT", [["x"]]);
  assert.equal(word(await resolverAt(server).txt("Bücher.test")), "found");
});

test("the cache is bounded", async () => {
  await using server = await start();
  for (const name of ["a.test", "b.test", "c.test"]) server.set(name, "TXT", [["x"]]);
  const dns = resolverAt(server, { cacheEntries: 2 });
  for (const name of ["a.test", "b.test", "c.test", "c.test", "b.test", "a.test"]) await dns.txt(name);
  assert.deepEqual(
    server.queries.map(({ name }) => name),
    ["a.test", "b.test", "c.test", "a.test"],
  );
});
