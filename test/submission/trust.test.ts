import assert from "node:assert/strict";
import { test } from "node:test";
import { replyLine } from "../../src/submission/reply.ts";
import { createTrust, parseNetwork, refuseToSend } from "../../src/submission/trust.ts";

test("a network is an address with or without a prefix length", () => {
  assert.deepEqual(parseNetwork("192.0.2.0/24"), { address: "192.0.2.0", prefix: 24, family: "ipv4" });
  assert.deepEqual(parseNetwork("192.0.2.1"), { address: "192.0.2.1", prefix: 32, family: "ipv4" });
  assert.deepEqual(parseNetwork("2001:db8::/32"), { address: "2001:db8::", prefix: 32, family: "ipv6" });
  for (const text of [
    "",
    "192.0.2.0/33",
    "::/129",
    "192.0.2.0/",
    "192.0.2/24",
    "example.com",
    "fe80::%lo/64",
    "1/8",
    "/0",
  ]) {
    assert.equal(parseNetwork(text), undefined, text);
  }
});

test("a client is trusted by its network, in whichever form its address comes", () => {
  const trust = createTrust(["127.0.0.0/8", "::1/128", "198.51.100.0/25", "2001:db8::/64", "fe80::/10"]);
  const cases: Record<string, boolean> = {
    "127.9.9.9": true,
    "::ffff:127.0.0.1": true,
    "::1": true,
    "198.51.100.127": true,
    "198.51.100.128": false,
    "::ffff:198.51.100.128": false,
    "2001:db8::ffff": true,
    "2001:db8:0:1::": false,
    "fe80::1%eth0": true,
    "::2": false,
    "": false,
    "not an address": false,
  };
  for (const [address, trusted] of Object.entries(cases)) assert.equal(trust.includes(address), trusted, address);
});

test("nobody is trusted by default", () => {
  assert.equal(createTrust([]).includes("127.0.0.1"), false);
});

test("a network that cannot be read is not skipped", () => {
  assert.throws(() => createTrust(["10.0.0.0/8", "10.0.0/8"]), TypeError);
});

test("only a trusted client or a logged-in one may send (RFC 5321 section 7.9, RFC 4954 section 6)", () => {
  const trust = createTrust(["192.0.2.0/24"]);
  const stranger = { address: "203.0.113.1", user: undefined, secure: true };
  const line = (
    client: typeof stranger | { address: string; user: string; secure: boolean },
    loginOffered: boolean,
  ) => {
    const reply = refuseToSend(client, trust, loginOffered);
    return reply && replyLine(reply);
  };
  assert.equal(line({ ...stranger, address: "192.0.2.9" }, false), undefined);
  assert.equal(line({ ...stranger, user: "app" }, true), undefined);
  assert.equal(line(stranger, false), "550 5.7.1 Relaying denied");
  assert.equal(line(stranger, true), "530 5.7.0 Authentication required");
  assert.match(line({ ...stranger, secure: false }, true) ?? "", /^530 5\.7\.0 Must issue a STARTTLS command first/);
});
