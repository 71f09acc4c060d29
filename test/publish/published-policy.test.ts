import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePolicy } from "../../src/mta-sts/policy.ts";
import { readRecords } from "../../src/mta-sts/record.ts";
import { type Publication, publishedPolicy } from "../../src/publish/published-policy.ts";

const PUBLICATION: Publication = { domain: "a.example", mode: "enforce", maxAgeSeconds: 604_800, mx: "dns" };
const HOSTS = ["mx1.a.example", "mx2.a.example"];

test("the id is made from the content: whatever changes the policy changes it, and nothing else does (RFC 8461 section 3.1)", () => {
  const base = publishedPolicy(PUBLICATION, HOSTS);
  const cases: [what: string, publication: Partial<Publication>, hosts: string[], isSame: boolean][] = [
    ["nothing", {}, HOSTS, true],
    ["the order of the hosts", {}, HOSTS.toReversed(), true],
    ["a host given twice", {}, [...HOSTS, "mx1.a.example"], true],
    ["mode", { mode: "testing" }, HOSTS, false],
    ["mode none", { mode: "none" }, HOSTS, false],
    ["max_age", { maxAgeSeconds: 604_801 }, HOSTS, false],
    ["a host more", {}, [...HOSTS, "mx3.a.example"], false],
    ["a host less", {}, HOSTS.slice(1), false],
    ["a host in the place of another", {}, ["mx1.a.example", "mx9.a.example"], false],
  ];
  for (const [what, publication, hosts, isSame] of cases) {
    const { id } = publishedPolicy({ ...PUBLICATION, ...publication }, hosts);
    assert.equal(id === base.id, isSame, what);
  }
});

test("the id is one that a record may have, and the text one that the relay itself accepts (STS-TXT-4, STS-POL-2)", () => {
  for (const mode of ["enforce", "testing", "none"] as const) {
    const { id, text, policy } = publishedPolicy({ ...PUBLICATION, mode }, HOSTS);
    assert.match(id, /^[A-Za-z0-9]{1,32}$/);
    assert.deepEqual(readRecords([`v=STSv1; id=${id};`]), { kind: "record", id });
    assert.deepEqual(parsePolicy(text), { kind: "policy", policy });
    assert.equal(policy.mx.length, mode === "none" ? 0 : 2);
  }
});
