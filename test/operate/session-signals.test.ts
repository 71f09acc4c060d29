import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionSeen } from "../../src/delivery/session-seen.ts";
import { newsOfCertificate, siteOf, tlsOf } from "../../src/operate/session-signals.ts";
import { newsOfLoss } from "../../src/operate/tls-loss.ts";
import { DAY, encrypted, inTheClear, NOW, OPPORTUNISTIC, REPORTED, session } from "./support.ts";

const WARNING = 14 * DAY;

test("a certificate near its end is an incident of the MX host where the policy binds", () => {
  const near = encrypted(NOW + 13 * DAY);
  const cases: [what: string, seen: Partial<SessionSeen>, expected: RegExp | "clear" | undefined][] = [
    ["far from its end", {}, "clear"],
    ["in 13 days", { facts: near }, /^its certificate expires on 2026-12-05; it receives for a\.example/],
    ["at the limit", { facts: encrypted(NOW + WARNING) }, /expires on 2026-12-06/],
    ["over", { facts: encrypted(NOW - DAY) }, /^its certificate expired on 2026-11-21/],
    ["only reported", { facts: near, requirement: REPORTED }, undefined],
    ["nothing required", { facts: near, requirement: OPPORTUNISTIC }, undefined],
    ["no TLS", { facts: inTheClear }, undefined],
  ];
  for (const [what, seen, expected] of cases) {
    const news = newsOfCertificate(session(seen), WARNING);
    if (expected === undefined) assert.equal(news, undefined, what);
    else if (expected === "clear") assert.ok(news !== undefined && "clear" in news, what);
    else {
      assert.ok(news !== undefined && "raise" in news, what);
      assert.match(news.raise.detail, expected, what);
      assert.equal(news.raise.subject, "mx.a.example");
    }
  }
});

test("a good certificate clears only what was met at the same address: one of many machines may have been forgotten", () => {
  const news = newsOfCertificate(session({ address: "192.0.2.1" }), WARNING);
  assert.ok(news !== undefined && "clear" in news);
  assert.equal(news.clear.undoes?.("192.0.2.1"), true);
  assert.equal(news.clear.undoes?.("192.0.2.2"), false);
});

test("what a session says of TLS: a handshake that failed says nothing", () => {
  assert.equal(tlsOf({ facts: encrypted() }), "taken");
  for (const why of ["not-offered", "refused"] as const) {
    assert.equal(tlsOf({ facts: { secured: false, why, detail: "" } }), "not-offered");
  }
  for (const why of ["handshake-failed", "not-tried"] as const) {
    assert.equal(tlsOf({ facts: { secured: false, why, detail: "" } }), undefined);
  }
});

test("hosts of one operator are one site, addresses none", () => {
  const cases: Record<string, string | undefined> = {
    "mx1.eu.provider.example": "provider.example",
    "MX.Provider.Example.": "provider.example",
    "provider.example": "provider.example",
    "192.0.2.1": undefined,
    "2001:db8::1": undefined,
    "[192.0.2.1]": undefined,
  };
  for (const [host, site] of Object.entries(cases)) assert.equal(siteOf(host), site, host);
});

test("a common loss of TLS opens at so many sites, and closes when most are back", () => {
  const rule = { sites: 4, withinMs: 600_000 };
  const sites = ["a.example", "b.example", "c.example", "d.example"];
  const cases: [recent: string[], all: number, expected: "raise" | "clear" | undefined][] = [
    [sites, 4, "raise"],
    [sites.slice(1), 3, undefined],
    [[], 4, undefined],
    [[], 2, undefined],
    [[], 1, "clear"],
    [[], 0, "clear"],
  ];
  for (const [recent, all, expected] of cases) {
    const news = newsOfLoss({ recent, all }, rule, NOW);
    assert.equal(news && Object.keys(news)[0], expected, `${recent.length} of ${all}`);
  }
  const many = newsOfLoss({ recent: Array.from({ length: 12 }, (_, i) => `s${i}.example`), all: 12 }, rule, NOW);
  assert.ok(many !== undefined && "raise" in many);
  assert.match(many.raise.detail, /^port 25 may be intercepted: .*s9\.example and 2 others/);
});
