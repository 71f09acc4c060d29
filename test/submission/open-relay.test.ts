import assert from "node:assert/strict";
import { test } from "node:test";
import { type IntakeSettings, openRelayProblem } from "../../src/submission/open-relay.ts";

const loopback = ["127.0.0.0/8", "::1/128"];

function problem(
  host: string,
  trustedNetworks: string[],
  users = 0,
  tls: IntakeSettings["listeners"][number]["tls"] = "starttls",
): string | undefined {
  return openRelayProblem({ listeners: [{ host, port: 2525, tls }], trustedNetworks, users });
}

test("a listener on loopback needs neither networks nor users", () => {
  for (const host of ["127.0.0.1", "127.0.0.2", "::1", "localhost", "::ffff:127.0.0.1"]) {
    assert.equal(problem(host, loopback), undefined, host);
    assert.equal(problem(host, []), undefined, host);
  }
});

test("a listener beyond loopback with neither users nor networks refuses to start, and says what to set", () => {
  for (const host of ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "relay.example", "::ffff:0.0.0.0"]) {
    for (const networks of [loopback, [], ["127.0.0.1"], ["localhost"].slice(1)]) {
      const sentence = problem(host, networks);
      assert.match(sentence ?? "", /trustedNetworks/, host);
      assert.match(sentence ?? "", /submission\.users/, host);
    }
  }
});

test("users or networks beyond loopback let it start", () => {
  assert.equal(problem("0.0.0.0", [...loopback, "192.0.2.0/24"]), undefined);
  assert.equal(problem("::", loopback, 1), undefined);
  assert.equal(problem("0.0.0.0", loopback, 1, "implicit"), undefined);
});

test("users do not help a listener without TLS, where none can log in", () => {
  const listeners: IntakeSettings["listeners"] = [
    { host: "0.0.0.0", port: 25, tls: "none" },
    { host: "0.0.0.0", port: 465, tls: "implicit" },
  ];
  assert.match(openRelayProblem({ listeners, trustedNetworks: loopback, users: 1 }) ?? "", /0\.0\.0\.0:25 /);
  assert.match(problem("127.0.0.1", loopback, 1, "none") ?? "", /certificate/);
});

test("a network that holds the Internet is refused, in all its forms", () => {
  for (const network of [
    "0.0.0.0/0",
    "::/0",
    "0.0.0.0/1",
    "10.0.0.0/7",
    "::ffff:0:0/96",
    "::/64",
    "2000::/3",
    "::ffff:0:0/103",
  ]) {
    for (const users of [0, 1]) assert.match(problem("127.0.0.1", [network], users) ?? "", /strangers/, network);
  }
  for (const network of ["10.0.0.0/8", "fc00::/7", "2001:db8::/32", "::1/128", "::ffff:10.0.0.0/104", "::1:0:0:0/80"]) {
    assert.equal(problem("0.0.0.0", [network, "192.0.2.0/24"]), undefined, network);
  }
});

test("a network that cannot be read is named", () => {
  assert.match(problem("127.0.0.1", ["10.0.0/8"]) ?? "", /"10\.0\.0\/8" is not a network/);
});
