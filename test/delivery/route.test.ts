import assert from "node:assert/strict";
import { test } from "node:test";
import type { SmartHost } from "../../src/delivery/domain-rules.ts";
import { findRoute, orderHosts, type Route } from "../../src/delivery/route.ts";
import { createZoneResolver } from "../support/zone-resolver.ts";

const ZONE = {
  "lab.test": {
    mx: [
      [20, "mx2.lab.test"],
      [10, "mx1.lab.test"],
    ] as [number, string][],
  },
  "sub.lab.test": { addresses: ["192.0.2.1"] },
  "null.test": { mx: [[0, ""]] as [number, string][] },
  "nearly-null.test": {
    mx: [
      [0, ""],
      [10, "mx.lab.test"],
    ] as [number, string][],
  },
  "empty.test": {},
  "unknown.test": { mx: "servfail" as const },
  "half-known.test": { addresses: "servfail" as const },
};

function find(domain: string, smartHost?: SmartHost, fresh = false): Promise<Route> {
  const dns = createZoneResolver(ZONE);
  return findRoute({ dns, port: 25, random: () => 0.5 }, domain, smartHost, { fresh });
}

const wordsOf = (route: Route): string => {
  switch (route.kind) {
    case "hosts":
      return `${route.hosts.map(({ name }) => name).join(" ")} under ${route.policyDomain}`;
    case "refused":
    case "nowhere":
      return `${route.kind} ${route.failure.status}`;
    case "unknown":
      return `unknown ${route.deferral.reason} ${route.deferral.status}`;
  }
};

test("what the DNS says of a domain makes its route (RFC 5321 section 5.1, RFC 7505)", async () => {
  const cases = {
    "lab.test": "mx1.lab.test mx2.lab.test under lab.test",
    "null.test": "refused 5.1.10",
    "nearly-null.test": "mx.lab.test under nearly-null.test",
    "empty.test": "nowhere 5.1.2",
    "nowhere.test": "nowhere 5.1.2",
    "unknown.test": "unknown dns 4.4.3",
    "half-known.test": "unknown dns 4.4.3",
  };
  for (const [domain, expected] of Object.entries(cases)) assert.equal(wordsOf(await find(domain)), expected, domain);
});

test("a domain without MX records is its own MX host, by the name that the policy is matched with (STS-VAL-1, RFC 5321 section 5.1)", async () => {
  assert.equal(wordsOf(await find("sub.lab.test")), "sub.lab.test under sub.lab.test");
});

test("mail to a subdomain has the subdomain for policy domain, and never its parent (STS-TXT-8)", async () => {
  const route = await find("sub.lab.test");
  assert.equal(route.kind === "hosts" && route.policyDomain, "sub.lab.test");
});

test("an address literal is one host at its address, without a policy domain (STS-TXT-8, RFC 5321 section 4.1.3)", async () => {
  const cases = { "[192.0.2.7]": ["192.0.2.7", 4], "[IPv6:2001:db8::7]": ["2001:db8::7", 6] } as const;
  for (const [literal, [address, family]] of Object.entries(cases)) {
    assert.deepEqual(await find(literal), {
      kind: "hosts",
      policyDomain: undefined,
      hosts: [{ name: literal, port: 25, implicitTls: false, addresses: [{ address, family }] }],
    });
  }
});

test("a smart host takes the place of the MX hosts, and its name is the policy domain (STS-TXT-9)", async () => {
  const login = { user: "me", password: "secret" };
  const dns = createZoneResolver(ZONE);
  const smartHost: SmartHost = { host: "smtp.lab.test", port: 465, tls: "implicit", login };
  assert.deepEqual(await findRoute({ dns, port: 25, random: () => 0 }, "lab.test", smartHost, {}), {
    kind: "hosts",
    policyDomain: "smtp.lab.test",
    hosts: [{ name: "smtp.lab.test", port: 465, implicitTls: true, login }],
  });
  assert.deepEqual(dns.asked, []);
});

test("a smart host given by its address needs no DNS and has no policy domain (STS-TXT-9)", async () => {
  const route = await find("lab.test", { host: "192.0.2.9", port: 587, tls: "starttls" });
  assert.deepEqual(route, {
    kind: "hosts",
    policyDomain: undefined,
    hosts: [{ name: "192.0.2.9", port: 587, implicitTls: false, addresses: [{ address: "192.0.2.9", family: 4 }] }],
  });
});

test("a fresh route asks the servers, for MX and for the address of a domain without MX", async () => {
  const dns = createZoneResolver(ZONE);
  await findRoute({ dns, port: 25, random: () => 0 }, "sub.lab.test", undefined, { fresh: true });
  assert.deepEqual(
    dns.asked.map(({ type, fresh }) => [type, fresh]),
    [
      ["mx", true],
      ["addresses", true],
    ],
  );
});

test("hosts go by preference, those of one preference by chance, each name once (STS-VAL-5, RFC 5321 section 5.1)", () => {
  const records = [
    { preference: 20, exchange: "d.test" },
    { preference: 10, exchange: "a.test" },
    { preference: 10, exchange: "b.test" },
    { preference: 10, exchange: "c.test" },
    { preference: 30, exchange: "a.test" },
    { preference: 5, exchange: "" },
  ];
  const chances =
    (...values: number[]) =>
    () =>
      values.shift() ?? 0;
  assert.deepEqual(orderHosts(records, chances(0.1, 0.3, 0.2, 0.1)), ["c.test", "b.test", "a.test", "d.test"]);
  assert.deepEqual(orderHosts(records, chances(0.1, 0.1, 0.2, 0.3)), ["a.test", "b.test", "c.test", "d.test"]);
});

test("a domain with a hundred MX hosts is tried at twenty of them", async () => {
  const mx = Array.from({ length: 100 }, (_, i): [number, string] => [i, `mx${i}.lab.test`]);
  const dns = createZoneResolver({ "many.test": { mx } });
  const route = await findRoute({ dns, port: 25, random: () => 0 }, "many.test", undefined, {});
  assert.equal(route.kind === "hosts" && route.hosts.length, 20);
});
