import assert from "node:assert/strict";
import { test } from "node:test";
import { createServerChoice } from "../../src/dns/forward-zones.ts";
import { formatServer, parseServer, serverProblem } from "../../src/dns/server-address.ts";
import { systemServers } from "../../src/dns/system-servers.ts";

test("a server is an IP address, with or without a port", () => {
  const cases: Record<string, string> = {
    "192.0.2.1": "192.0.2.1:53",
    "192.0.2.1:5353": "192.0.2.1:5353",
    "2001:db8::1": "[2001:db8::1]:53",
    "[2001:db8::1]": "[2001:db8::1]:53",
    "[2001:db8::1]:5353": "[2001:db8::1]:5353",
    "fe80::1%eth0": "[fe80::1%eth0]:53",
  };
  for (const [text, expected] of Object.entries(cases)) {
    const server = parseServer(text);
    assert.equal(server && formatServer(server), expected, text);
    assert.equal(serverProblem(text), undefined, text);
  }
});

test("anything else is no server, and the problem names it", () => {
  const cases = [
    "",
    "localhost",
    "ns.example.test:53",
    "192.0.2.1:",
    "192.0.2.1:0",
    "192.0.2.1:65536",
    "192.0.2.1:53 ",
    "[192.0.2.1]:53",
    "[2001:db8::1]53",
    "127.1:53",
  ];
  for (const text of cases) {
    assert.equal(parseServer(text), undefined, text);
    assert.match(serverProblem(text) ?? "", /is not a DNS server: write an IP address/, text);
  }
});

test("the system's servers come in host:port form, in their order", () => {
  const listed = ["127.0.0.53", "[::1]:5353", "fe80::1%eth0", "rubbish"];
  assert.deepEqual(systemServers(listed), ["127.0.0.53:53", "[::1]:5353", "[fe80::1%eth0]:53"]);
  for (const text of systemServers()) assert.ok(parseServer(text), text);
});

test("a name is asked of the servers of its longest forward zone, and of the usual ones without one", () => {
  const choose = createServerChoice(["192.0.2.1"], {
    "corp.example": ["192.0.2.2"],
    "Lab.corp.example.": ["192.0.2.3"],
    xn: ["192.0.2.4"],
  });
  const cases: Record<string, string> = {
    "corp.example": "192.0.2.2",
    "a.b.corp.example": "192.0.2.2",
    "lab.corp.example": "192.0.2.3",
    "_mta-sts.lab.corp.example": "192.0.2.3",
    "notcorp.example": "192.0.2.1",
    example: "192.0.2.1",
    "corp.example.test": "192.0.2.1",
    xn: "192.0.2.4",
  };
  for (const [name, expected] of Object.entries(cases))
    assert.deepEqual(
      choose(name).map(({ address }) => address),
      [expected],
      name,
    );
});

test("servers and zones that cannot be read are refused at the start", () => {
  assert.throws(() => createServerChoice([], {}), /the DNS needs at least one server/);
  assert.throws(() => createServerChoice(["localhost"], {}), /"localhost" is not a DNS server/);
  assert.throws(() => createServerChoice(["::1"], { "a b": ["::1"] }), /"a b" is not a domain name/);
  assert.throws(() => createServerChoice(["::1"], { "a.test": [] }), /the zone a.test needs at least one server/);
});
