import assert from "node:assert/strict";
import { test } from "node:test";
import { type Finding, findingsOf, type Wanted } from "../../src/publish/findings.ts";
import type { HostProof, LiveDomain } from "../../src/publish/live.ts";
import { type Publication, publishedPolicy } from "../../src/publish/published-policy.ts";

const DOMAIN = "a.example";
const MX = "mx.a.example";

const publication = (change: Partial<Publication> = {}): Publication => ({
  domain: DOMAIN,
  mode: "enforce",
  maxAgeSeconds: 604_800,
  mx: [MX],
  ...change,
});

const wantedFor = (change: Partial<Publication> = {}): Wanted => {
  const made = publication(change);
  return { published: publishedPolicy(made, [MX]), fromDns: made.mx === "dns", reportsTo: ["mailto:tls@a.example"] };
};

const proven: HostProof = { address: "192.0.2.1", verified: true, tls: "TLSv1.3" };
const expired: HostProof = { address: "192.0.2.1", verified: false, detail: "its certificate expired on 2026-01-01" };
const host = (name: string, ...proofs: HostProof[]): LiveDomain["hosts"] => ({
  kind: "hosts",
  hosts: [{ name, proofs }],
});

/** All as it should be for `wanted`. */
function rightFor({ published }: Wanted): LiveDomain {
  return {
    record: { kind: "record", id: published.id },
    fetched: { kind: "fetched", policy: published.policy, text: published.text },
    reports: {
      kind: "record",
      destinations: [{ kind: "mailto", uri: "mailto:tls@a.example", address: "tls@a.example" }],
    },
    hosts: host(MX, proven),
  };
}

const served = (text: string): LiveDomain["fetched"] => ({
  kind: "fetched",
  policy: publishedPolicy(publication(), [MX]).policy,
  text,
});

test("where all is as it should be, each thing is said to be", () => {
  const wanted = wantedFor();
  const findings = findingsOf(wanted, rightFor(wanted), true);
  assert.deepEqual(
    findings.map(({ about, kind }) => `${about} ${kind}`),
    ["policy ok", "record ok", "mx ok", "reports ok"],
  );
});

test("each difference between what is live and what should be is found (RFC 8461 sections 3.1, 3.2, 4.1 and 8)", () => {
  const text = wantedFor().published.text;
  type Case = {
    live?: Partial<LiveDomain>;
    change?: Partial<Publication>;
    strict?: boolean;
    about: Finding["about"];
    kind: Finding["kind"];
    says: RegExp;
  };
  const cases: Case[] = [
    {
      live: { record: { kind: "record", id: "old" } },
      about: "record",
      kind: "wrong",
      says: /has id old, and this policy's is/,
    },
    { live: { record: { kind: "absent" } }, about: "record", kind: "wrong", says: /no record at _mta-sts\.a\.example/ },
    { live: { record: { kind: "unusable", detail: "no id" } }, about: "record", kind: "wrong", says: /no id/ },
    { live: { record: { kind: "unknown", detail: "SERVFAIL" } }, about: "record", kind: "wrong", says: /SERVFAIL/ },
    {
      live: { fetched: { kind: "failed", failure: { resultType: "sts-webpki-invalid", detail: "it has expired" } } },
      about: "policy",
      kind: "wrong",
      says: /it has expired/,
    },
    { live: { fetched: served(text.replaceAll("\r", "")) }, about: "policy", kind: "ok", says: /in other words/ },
    {
      live: { fetched: served(text.replace("enforce", "testing")) },
      about: "policy",
      kind: "wrong",
      says: /mode testing, not enforce.*under the new id/,
    },
    {
      live: { fetched: served(text.replace("604800", "86400")), record: { kind: "record", id: "old" } },
      about: "policy",
      kind: "wrong",
      says: /max_age 86400, not 604800\)$/,
    },
    {
      live: { fetched: served(text.replace(MX, "mx9.a.example")) },
      about: "policy",
      kind: "wrong",
      says: /mx mx9\.a\.example, not mx\.a\.example/,
    },
    { live: { hosts: host(MX, expired) }, about: "mx", kind: "doubt", says: /192\.0\.2\.1.*expired.*do not deliver/ },
    { live: { hosts: host(MX, expired) }, strict: true, about: "mx", kind: "wrong", says: /expired/ },
    { live: { hosts: host(MX, proven, expired) }, strict: true, about: "mx", kind: "wrong", says: /expired/ },
    {
      live: { hosts: host("mx2.a.example", proven) },
      strict: true,
      about: "mx",
      kind: "wrong",
      says: /not in the policy/,
    },
    {
      live: { hosts: host("mx2.a.example", proven) },
      about: "mx",
      kind: "doubt",
      says: /lists mx\.a\.example, and no MX/,
    },
    {
      live: { hosts: { kind: "unknown", detail: "no answer" } },
      strict: true,
      about: "mx",
      kind: "wrong",
      says: /no answer/,
    },
    {
      change: { mode: "testing" },
      live: { hosts: host(MX, expired) },
      strict: true,
      about: "mx",
      kind: "doubt",
      says: /under enforce, senders would not/,
    },
    { change: { mx: "dns" }, about: "mx", kind: "doubt", says: /takes its hosts from the DNS/ },
    {
      live: { reports: { kind: "absent" } },
      about: "reports",
      kind: "doubt",
      says: /no record at _smtp\._tls\.a\.example/,
    },
    { live: { reports: { kind: "unusable", detail: "no rua" } }, about: "reports", kind: "doubt", says: /no rua/ },
    {
      live: {
        reports: {
          kind: "record",
          destinations: [{ kind: "mailto", uri: "mailto:b@b.example", address: "b@b.example" }],
        },
      },
      about: "reports",
      kind: "doubt",
      says: /does not ask for reports to mailto:tls@a\.example/,
    },
  ];
  for (const { live, change, strict = false, about, kind, says } of cases) {
    const wanted = wantedFor(change);
    const found = findingsOf(wanted, { ...rightFor(wanted), ...live }, strict);
    const of = found.filter((finding) => finding.about === about);
    assert.ok(
      of.some((finding) => finding.kind === kind && says.test(finding.says)),
      `${String(says)}: ${JSON.stringify(of)}`,
    );
    // The other things are as they should be, and are said to be.
    for (const other of found) if (other.about !== about && live?.record === undefined) assert.equal(other.kind, "ok");
    for (const bad of found) if (bad.kind === "wrong") assert.ok(bad.todo, bad.says);
  }
});

test("mode none asks nothing of any host", () => {
  const wanted = wantedFor({ mode: "none" });
  const live = { ...rightFor(wanted), hosts: host(MX, expired) };
  assert.deepEqual(
    findingsOf(wanted, live, true).filter(({ kind }) => kind !== "ok"),
    [],
  );
});
