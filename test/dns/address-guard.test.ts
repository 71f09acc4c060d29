import assert from "node:assert/strict";
import { test } from "node:test";
import { cidrProblem, createAddressGuard } from "../../src/dns/address-guard.ts";

const publicAddresses = ["8.8.8.8", "1.0.0.1", "100.63.255.255", "172.32.0.1", "223.255.255.255", "2606:4700::1111"];

const refusedV4 = {
  unspecified: "0.0.0.0",
  "this network": "0.1.2.3",
  loopback: "127.0.0.1",
  "loopback, other": "127.255.1.2",
  "private 10/8": "10.1.2.3",
  "private 172.16/12": "172.31.255.255",
  "private 192.168/16": "192.168.0.1",
  "link-local": "169.254.169.254",
  CGNAT: "100.64.0.1",
  "documentation 1": "192.0.2.1",
  "documentation 2": "198.51.100.1",
  "documentation 3": "203.0.113.1",
  "protocol assignments": "192.0.0.1",
  "6to4 relay": "192.88.99.1",
  benchmarking: "198.18.0.1",
  multicast: "224.0.0.1",
  reserved: "240.0.0.1",
  broadcast: "255.255.255.255",
};

const refusedV6 = {
  unspecified: "::",
  loopback: "::1",
  "link-local": "fe80::1",
  "site-local": "fec0::1",
  ULA: "fd12:3456::1",
  "ULA, fc": "fc00::1",
  multicast: "ff02::1",
  documentation: "2001:db8::1",
  "documentation 3fff": "3fff::1",
  "6to4": "2002:7f00:1::1",
  teredo: "2001::1",
  NAT64: "64:ff9b::7f00:1",
  "NAT64, local": "64:ff9b:1::7f00:1",
  "v4-translated": "::ffff:0:127.0.0.1",
  "v4-compatible": "::127.0.0.1",
  "v4-compatible, of a public one": "::8.8.8.8",
  discard: "100::1",
  benchmarking: "2001:2::1",
  "segment routing": "5f00::1",
  "not given out": "4000::1",
};

test("public addresses are allowed, as themselves and in their v4-mapped form (STS-GET-9)", () => {
  const guard = createAddressGuard({ allow: [] });
  for (const address of publicAddresses) {
    assert.deepEqual(guard(address), { allowed: true }, address);
    if (!address.includes(":")) assert.deepEqual(guard(`::ffff:${address}`), { allowed: true }, address);
  }
});

test("addresses that are not public are refused, v4 ones in their v4-mapped form too (STS-GET-9)", () => {
  const guard = createAddressGuard({ allow: [] });
  for (const [what, address] of Object.entries(refusedV4)) {
    assert.equal(guard(address).allowed, false, what);
    assert.equal(guard(`::ffff:${address}`).allowed, false, `${what}, mapped`);
  }
  for (const [what, address] of Object.entries(refusedV6)) assert.equal(guard(address).allowed, false, what);
  assert.equal(guard("::ffff:7f00:1").allowed, false);
  assert.equal(guard("0:0:0:0:0:FFFF:127.0.0.1").allowed, false);
});

test("a refusal names the address, its kind and the setting (STS-GET-9)", () => {
  const guard = createAddressGuard({ allow: [] });
  const why = (address: string) => {
    const verdict = guard(address);
    return verdict.allowed ? "" : verdict.why;
  };
  assert.equal(
    why("::ffff:10.0.0.1"),
    "10.0.0.1 is not a public address (private), and network.allow does not open it",
  );
  assert.match(why("::127.0.0.1"), /not given out/);
});

test("what is not an address in plain form is refused, zone ids too (STS-GET-9)", () => {
  const guard = createAddressGuard({ allow: ["0.0.0.0/0", "::/0"] });
  for (const text of [
    "",
    "1",
    "127.1",
    "0x7f.0.0.1",
    "010.0.0.1",
    "8.8.8.8 ",
    "localhost",
    "[::1]",
    "fe80::1%eth0",
    "2606::1%lo",
  ])
    assert.equal(guard(text).allowed, false, text);
});

test("network.allow opens exactly its ranges, each for its own family (STS-GET-9)", () => {
  const guard = createAddressGuard({ allow: ["127.25.25.0/24", "10.0.0.7", "fd00::/8", "::1/128"] });
  const cases: Record<string, boolean> = {
    "127.25.25.1": true,
    "127.25.25.255": true,
    "::ffff:127.25.25.1": true,
    "127.25.26.1": false,
    "127.0.0.1": false,
    "10.0.0.7": true,
    "10.0.0.8": false,
    "fd00::1": true,
    "fc00::1": false,
    "::1": true,
    "::2": false,
    "8.8.8.8": true,
  };
  for (const [address, allowed] of Object.entries(cases)) assert.equal(guard(address).allowed, allowed, address);
});

test("::/0 opens no IPv4 address, mapped or not (STS-GET-9)", () => {
  const guard = createAddressGuard({ allow: ["::/0"] });
  for (const address of ["127.0.0.1", "::ffff:127.0.0.1"]) assert.equal(guard(address).allowed, false, address);
  assert.equal(guard("::1").allowed, true);
});

test("a range that cannot be read has a problem that says what to write", () => {
  const cases: Record<string, RegExp | undefined> = {
    "10.0.0.0/8": undefined,
    "10.1.2.3/8": undefined,
    "127.0.0.1": undefined,
    "::1": undefined,
    "fd00::/8": undefined,
    "0.0.0.0/0": undefined,
    "": /^"" is not a network: write an IP address and a prefix length, like/,
    "10/8": /is not a network/,
    "10.0.0.0/8/8": /is not a network/,
    "fe80::1%eth0/64": /is not a network/,
    "example.test/8": /is not a network/,
    "10.0.0.0/33": /for IPv4 it is 0 to 32/,
    "10.0.0.0/": /no valid prefix length/,
    "10.0.0.0/-1": /no valid prefix length/,
    "10.0.0.0/255.0.0.0": /no valid prefix length/,
    "fd00::/129": /for IPv6 it is 0 to 128/,
    "::ffff:10.0.0.0/104": /write it as IPv4/,
  };
  for (const [text, expected] of Object.entries(cases)) {
    const problem = cidrProblem(text);
    if (expected === undefined) assert.equal(problem, undefined, text);
    else assert.match(problem ?? "no problem", expected, text);
    const create = () => createAddressGuard({ allow: [text] });
    if (expected === undefined) assert.doesNotThrow(create, text);
    else assert.throws(create, TypeError, text);
  }
});
