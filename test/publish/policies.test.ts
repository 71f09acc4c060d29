import assert from "node:assert/strict";
import { test } from "node:test";
import type { DnsAnswer, MxRecord } from "../../src/dns/answer.ts";
import { createOwnPolicies, type PolicyState } from "../../src/publish/policies.ts";
import type { Publication } from "../../src/publish/published-policy.ts";

const DOMAIN = "a.example";
const PUBLICATION: Publication = { domain: DOMAIN, mode: "enforce", maxAgeSeconds: 86_400, mx: "dns" };

type MxAnswer = DnsAnswer<MxRecord>;

const found = (...exchanges: string[]): MxAnswer => ({
  kind: "found",
  records: exchanges.map((exchange, index) => ({ preference: index, exchange })),
  name: DOMAIN,
  ttlSeconds: 60,
  authentic: false,
});
const absent = (status: "nxdomain" | "nodata"): MxAnswer => ({
  kind: "absent",
  status,
  ttlSeconds: 60,
  authentic: false,
});
const UNKNOWN: MxAnswer = { kind: "unknown", why: "timeout", detail: "no answer" };

/** A shelf whose DNS answers what `answer` holds, and whose clock is `at`. */
function shelf(first: MxAnswer, publication: Publication = PUBLICATION) {
  const world = { answer: first, at: 1_000_000, asked: 0, changes: [] as PolicyState[] };
  const policies = createOwnPolicies({
    publications: [publication],
    dns: {
      mx: async () => {
        world.asked++;
        return world.answer;
      },
    },
    now: () => world.at,
    onChange: (state) => world.changes.push(state),
  });
  const hosts = async () => {
    const state = await policies.policyOf(DOMAIN);
    return state?.kind === "policy" ? state.published.policy.mx : state?.detail;
  };
  return { world, policies, hosts };
}

test("with mx: dns, the hosts are those of the MX records (RFC 5321 section 5.1, RFC 7505)", async () => {
  const cases: [MxAnswer, string[] | RegExp][] = [
    [found("mx2.a.example", "mx1.a.example"), ["mx1.a.example", "mx2.a.example"]],
    [absent("nodata"), [DOMAIN]],
    [found(""), /no MX record of a\.example names a host/],
    [found("192.0.2.1"), /no MX record of a\.example names a host/],
    [found("mx\\032.example", "mx1.a.example"), ["mx1.a.example"]],
    [absent("nxdomain"), /a\.example does not exist/],
    [UNKNOWN, /could not be looked up: no answer/],
  ];
  for (const [answer, expected] of cases) {
    const hosts = await shelf(answer).hosts();
    if (expected instanceof RegExp) assert.match(String(hosts), expected);
    else assert.deepEqual(hosts, expected);
  }
});

test("a listed policy, and one of mode none, ask the DNS nothing", async () => {
  for (const publication of [
    { ...PUBLICATION, mx: ["*.a.example"] },
    { ...PUBLICATION, mode: "none" as const },
  ]) {
    const { world, hosts } = shelf(UNKNOWN, publication);
    assert.deepEqual(await hosts(), publication.mode === "none" ? [] : ["*.a.example"]);
    assert.equal(world.asked, 0);
  }
});

test("the records are looked up again after a minute, and one look serves all who wait", async () => {
  const { world, hosts } = shelf(found("mx1.a.example"));
  await Promise.all([hosts(), hosts(), hosts()]);
  world.answer = found("mx2.a.example");
  world.at += 59_000;
  assert.deepEqual(await hosts(), ["mx1.a.example"]);
  assert.equal(world.asked, 1);
  world.at += 2_000;
  assert.deepEqual(await hosts(), ["mx2.a.example"]);
  assert.deepEqual(
    world.changes.map((state) => state.kind),
    ["policy", "policy"],
  );
});

test("while the records cannot be looked up, the policy stays as it was: not knowing is not a change", async () => {
  const { world, hosts } = shelf(found("mx1.a.example"));
  await hosts();
  for (const answer of [UNKNOWN, absent("nxdomain"), found("")]) {
    world.answer = answer;
    world.at += 61_000;
    assert.deepEqual(await hosts(), ["mx1.a.example"]);
  }
  assert.equal(world.changes.length, 1);
});

test("while there has never been a policy, it is looked for again soon", async () => {
  const { world, hosts } = shelf(UNKNOWN);
  assert.match(String(await hosts()), /could not be looked up/);
  world.answer = found("mx1.a.example");
  world.at += 6_000;
  assert.deepEqual(await hosts(), ["mx1.a.example"]);
  assert.deepEqual(
    world.changes.map((state) => state.kind),
    ["unavailable", "policy"],
  );
});

test("a domain that is not ours has no policy", () => {
  const { policies } = shelf(UNKNOWN);
  assert.equal(policies.policyOf("b.example"), undefined);
  assert.deepEqual(policies.domains, [DOMAIN]);
});
