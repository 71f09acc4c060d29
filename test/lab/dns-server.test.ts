import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { decode, encode, streamEncode, type DecodedPacket, type Packet } from "dns-packet";
import { startDnsServer, type LabDnsBehaviour, type LabDnsServer } from "../../src/lab/dns-server.ts";

const start = () => startDnsServer({ host: "127.0.0.1" });

/** The DNS as others see it: Node's own resolver. */
function nodeResolver(server: LabDnsServer): Resolver {
  const resolver = new Resolver({ timeout: 200, tries: 1 });
  resolver.setServers([server.address]);
  return resolver;
}

const query = (name: string, type: "A" | "TXT", more: Packet = {}): Packet => ({
  type: "query",
  id: 7,
  questions: [{ name, type }],
  ...more,
});

const edns = (udpPayloadSize: number): Packet => ({
  additionals: [
    { type: "OPT", name: ".", udpPayloadSize, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] },
  ],
});

async function askUdp(server: LabDnsServer, packet: Packet): Promise<{ reply: DecodedPacket; length: number }> {
  const socket = createSocket("udp4");
  socket.send(encode(packet), server.port, "127.0.0.1");
  const [bytes] = (await once(socket, "message")) as [Buffer];
  socket.close();
  return { reply: decode(bytes), length: bytes.length };
}

const rcode = (packet: DecodedPacket) => (packet.flags ?? 0) & 0xf;

/** `found`, or the error's code without its first letter: `NOTFOUND`, `NODATA`, `SERVFAIL`… */
const word = (result: Promise<unknown>) =>
  result.then(
    () => "found",
    (error: NodeJS.ErrnoException) => String(error.code).slice(1),
  );

test("it answers every type that the lab needs", async () => {
  await using server = await start();
  server.set("Example.TEST.", "A", ["192.0.2.1"], { ttl: 77 });
  server.set("example.test", "AAAA", ["2001:db8::1"]);
  server.set("example.test", "MX", [{ preference: 10, exchange: "mx.example.test" }]);
  server.set("example.test", "TXT", [["one ", "two"], ["three"]]);
  server.set("example.test", "NS", ["ns.example.test"]);
  server.set("_25._tcp.mx.example.test", "TLSA", [
    { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32, 1) },
  ]);
  const dns = nodeResolver(server);
  assert.deepEqual(await dns.resolve4("eXample.test", { ttl: true }), [{ address: "192.0.2.1", ttl: 77 }]);
  assert.deepEqual(await dns.resolve6("example.test"), ["2001:db8::1"]);
  const [mx] = await dns.resolveMx("example.test");
  assert.equal(mx?.exchange, "mx.example.test");
  assert.deepEqual(await dns.resolveTxt("example.test"), [["one ", "two"], ["three"]]);
  assert.deepEqual(await dns.resolveNs("example.test"), ["ns.example.test"]);
  const [tlsa] = await dns.resolveTlsa("_25._tcp.mx.example.test");
  assert.equal(tlsa?.certUsage, 3);
});

test("a name without the record is NODATA, a name without anything NXDOMAIN (RFC 2308, RFC 8020)", async () => {
  await using server = await start();
  server.set("a.deep.example.test", "A", ["192.0.2.1"]);
  server.set("empty.example.test", "A", []);
  const dns = nodeResolver(server);
  const cases = {
    "a.deep.example.test": "NODATA",
    "deep.example.test": "NODATA",
    test: "NODATA",
    "empty.example.test": "NODATA",
    "b.deep.example.test": "NOTFOUND",
    "eep.example.test": "NOTFOUND",
    "other.example": "NOTFOUND",
  };
  for (const [name, expected] of Object.entries(cases)) assert.equal(await word(dns.resolveMx(name)), expected, name);
});

test("a denial carries the nearest SOA, or one made for it (RFC 2308 section 3)", async () => {
  await using server = await start();
  server.set("example.test", "SOA", [{ mname: "ns.test", rname: "admin.test", minimum: 5 }], { ttl: 9 });
  for (const [name, owner, minimum] of [
    ["a.b.example.test", "example.test", 5],
    ["other.test", "test", 60],
  ] as const) {
    const { reply } = await askUdp(server, query(name, "A"));
    const soa = reply.authorities?.[0];
    assert.ok(soa?.type === "SOA");
    assert.equal(soa.name, owner);
    assert.equal(soa.data.minimum, minimum);
    assert.equal(rcode(reply), 3);
  }
});

test("CNAME chains are followed into the answer, loops too, once around (RFC 1034 section 4.3.2)", async () => {
  await using server = await start();
  server.set("a.test", "CNAME", ["B.test."]);
  server.set("b.test", "CNAME", ["c.test"]);
  server.set("c.test", "A", ["192.0.2.1"]);
  server.set("dangling.test", "CNAME", ["nowhere.test"]);
  server.set("loop.test", "CNAME", ["loop2.test"]);
  server.set("loop2.test", "CNAME", ["loop.test"]);
  const types = async (name: string) => {
    const { reply } = await askUdp(server, query(name, "A"));
    return `${rcode(reply)} ${reply.answers?.map(({ type }) => type).join(" ")}`;
  };
  assert.equal(await types("a.test"), "0 CNAME CNAME A");
  assert.equal(await types("dangling.test"), "3 CNAME");
  assert.equal(await types("loop.test"), "0 CNAME CNAME");
  server.behave("a.test", "A", "alias-only");
  assert.equal(await types("a.test"), "0 CNAME");
});

test("faults on demand, for one name and type, until they are taken away", async () => {
  await using server = await start();
  server.set("example.test", "TXT", [["x"]]);
  server.set("example.test", "A", ["192.0.2.1"]);
  const dns = nodeResolver(server);
  const cases: [LabDnsBehaviour | undefined, string][] = [
    ["servfail", "SERVFAIL"],
    ["refused", "REFUSED"],
    ["formerr", "FORMERR"],
    ["nxdomain", "NOTFOUND"],
    ["drop", "TIMEOUT"],
    ["truncate", "found"],
    [undefined, "found"],
  ];
  for (const [behaviour, expected] of cases) {
    server.behave("Example.test", "TXT", behaviour);
    assert.equal(await word(dns.resolveTxt("example.test")), expected, behaviour);
    assert.equal(await word(dns.resolve4("example.test")), "found", "another type");
  }
});

test("what does not fit into the asker's UDP size is truncated, and whole over TCP (RFC 6891 section 6.2.5)", async () => {
  await using server = await start();
  const set = (bytes: number) =>
    server.set(
      "big.test",
      "TXT",
      Array.from({ length: Math.floor(bytes / 100) }, () => ["x".repeat(80)]),
    );
  const cases: [bytes: number, more: Packet, truncated: boolean][] = [
    [400, {}, false],
    [700, {}, true],
    [700, edns(1232), false],
    [700, edns(600), true],
    [2000, edns(4096), true],
    [400, edns(100), false],
  ];
  for (const [bytes, more, truncated] of cases) {
    set(bytes);
    const { reply, length } = await askUdp(server, query("big.test", "TXT", more));
    assert.equal(reply.flag_tc, truncated, `${bytes} bytes`);
    assert.equal(reply.answers?.length, truncated ? 0 : bytes / 100);
    assert.ok(length <= 1232);
  }
  set(2000);
  assert.equal((await nodeResolver(server).resolveTxt("big.test")).length, 20);
});

test("several questions on one TCP connection are answered, also in pieces (RFC 7766 section 6.2.1)", async () => {
  await using server = await start();
  server.set("a.test", "A", ["192.0.2.1"]);
  const socket = connect(server.port, "127.0.0.1");
  const both = Buffer.concat([streamEncode(query("a.test", "A")), streamEncode(query("b.test", "A"))]);
  socket.write(both.subarray(0, 40));
  const received: Buffer[] = [];
  const messages = () => {
    const found: DecodedPacket[] = [];
    let rest = Buffer.concat(received);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      found.push(decode(rest.subarray(2)));
      rest = rest.subarray(2 + rest.readUInt16BE(0));
    }
    return found;
  };
  for await (const bytes of socket as AsyncIterable<Buffer>) {
    received.push(bytes);
    if (messages().length === 1) socket.write(both.subarray(40));
    if (messages().length === 2) break;
  }
  assert.deepEqual(messages().map(rcode), [0, 3]);
});

test("AD is set on demand (RFC 6840)", async () => {
  await using server = await start();
  for (const authentic of [false, true]) {
    server.authentic = authentic;
    assert.equal((await askUdp(server, query("a.test", "A"))).reply.flag_ad, authentic);
  }
});

test("down hears and says nothing; up answers again on the same port", async () => {
  await using server = await start();
  server.set("a.test", "A", ["192.0.2.1"]);
  const dns = nodeResolver(server);
  server.down();
  assert.equal(await word(dns.resolve4("a.test")), "TIMEOUT");
  server.up();
  assert.equal(await word(dns.resolve4("a.test")), "found");
  assert.deepEqual(server.queries, [
    { name: "a.test", type: "A", transport: "udp" },
    { name: "a.test", type: "A", transport: "udp" },
  ]);
});

test("records can be replaced and removed", async () => {
  await using server = await start();
  const dns = nodeResolver(server);
  server.set("a.test", "A", ["192.0.2.1"]);
  server.set("a.test", "A", ["192.0.2.2"]);
  server.set("a.test", "TXT", [["x"]]);
  assert.deepEqual(await dns.resolve4("a.test"), ["192.0.2.2"]);
  server.remove("A.test", "A");
  assert.equal(await word(dns.resolve4("a.test")), "NODATA");
  server.remove("a.test", "TXT");
  assert.equal(await word(dns.resolve4("a.test")), "NOTFOUND");
  server.set("a.test", "TXT", [["x"]]);
  server.remove("a.test");
  assert.equal(await word(dns.resolveTxt("a.test")), "NOTFOUND");
});

test("records that the wire cannot carry are refused when they are set", async () => {
  await using server = await start();
  assert.throws(() => server.set("a.test", "TXT", [["x".repeat(256)]]), /at most 255 bytes/);
  assert.throws(() => server.set("a.test", "TXT", [["\u20ac"]]), /latin1/);
  assert.throws(() => server.set("a.test", "A", ["::1"]), /"::1" is no address for A/);
  assert.throws(() => server.set("a.test", "AAAA", ["192.0.2.1"]), /no address for AAAA/);
});

test("what is not a query is not answered, and harms nothing", async () => {
  await using server = await start();
  server.set("a.test", "A", ["192.0.2.1"]);
  const socket = createSocket("udp4");
  for (const bytes of [Buffer.from("rubbish"), encode({ ...query("a.test", "A"), type: "response" }), Buffer.alloc(12)])
    socket.send(bytes, server.port, "127.0.0.1");
  assert.equal(rcode((await askUdp(server, query("a.test", "A"))).reply), 0);
  assert.equal(server.queries.length, 1);
  socket.close();
});

test("it serves IPv6 hosts and the port it is given, and closes twice without complaint", async () => {
  const first = await startDnsServer({ host: "::1" });
  assert.equal(first.address, `[::1]:${first.port}`);
  await first.close();
  await first.close();
  await using second = await startDnsServer({ host: "127.0.0.1", port: first.port });
  assert.equal(second.port, first.port);
  await assert.rejects(startDnsServer({ host: "127.0.0.1", port: first.port }), /EADDRINUSE/);
});
