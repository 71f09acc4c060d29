import assert from "node:assert/strict";
import { test } from "node:test";
import { domainRows, type DomainQuestion, pageOf } from "../../src/operate/domains.ts";
import type { PolicyView } from "../../src/operate/policies.ts";
import type { HostSeen } from "../../src/store/domain-tls.ts";

const AT = "2026-11-22T10:00:00.000Z";

const policy = (domain: string, change: Partial<PolicyView> = {}): PolicyView => ({
  domain,
  state: "in force",
  mode: "enforce",
  id: "1",
  fetchedAt: AT,
  expiresAt: AT,
  ...change,
});

const host = (name: string, change: Partial<HostSeen> = {}): HostSeen => ({
  at: AT,
  host: name,
  address: "192.0.2.1",
  tls: "TLSv1.3",
  protection: "verified",
  verdict: "meets",
  ...change,
});

const NOTHING = { policies: [], tls: [], exceptions: [], incidents: [], days: ["2026-11-22", "2026-11-21"] };

test("a row holds what is known of a domain from every side; days beyond those wanted do not count", () => {
  const rows = domainRows({
    ...NOTHING,
    policies: [policy("b.example"), policy("a.example", { state: "expired" })],
    tls: [
      {
        domain: "b.example",
        last: host("mx.b.example", { verdict: "certificate-expired", reason: "its certificate expired" }),
        days: new Map([
          ["2026-11-22", { verified: 2, encrypted: 1, clear: 0, refused: 4 }],
          ["2026-11-21", { verified: 1, encrypted: 0, clear: 0, refused: 0 }],
          ["2026-11-01", { verified: 100, encrypted: 0, clear: 0, refused: 0 }],
        ]),
      },
    ],
    exceptions: [
      { domain: "c.example", what: { kind: "mta-sts", rule: "disable" }, by: "anna", reason: "test", setAt: AT },
    ],
    incidents: [
      { cause: "record-gone", subject: "b.example", detail: "", count: 1, firstAt: AT, lastAt: AT, openedAt: AT },
      {
        cause: "certificate-expiring",
        subject: "mx.b.example",
        detail: "",
        count: 1,
        firstAt: AT,
        lastAt: AT,
        openedAt: AT,
      },
    ],
  });
  assert.deepEqual(
    rows.map(({ domain, mode }) => [domain, mode]),
    [
      ["a.example", "none"],
      ["b.example", "enforce"],
      ["c.example", "none"],
    ],
  );
  const [, b, c] = rows;
  assert.deepEqual([b?.sessions, b?.verified, b?.verifiedShare, b?.refused, b?.incidents], [4, 3, 0.75, 4, 2]);
  assert.equal(b?.verdict, "certificate-expired");
  assert.equal(c?.exception, "rule disable");
});

test("the table is searched, filtered, sorted and cut into pages; rows without the value come last in either order", () => {
  const rows = domainRows({
    ...NOTHING,
    policies: [policy("a.example"), policy("b.example", { mode: "testing" }), policy("c.test", { mode: "none" })],
    tls: [
      { domain: "a.example", days: new Map([["2026-11-22", { verified: 1, encrypted: 1, clear: 0, refused: 0 }]]) },
      {
        domain: "c.test",
        days: new Map([["2026-11-22", { verified: 1, encrypted: 0, clear: 0, refused: 0 }]]),
        last: host("mx", { verdict: "certificate-expired" }),
      },
    ],
  });
  const ask = (change: Partial<DomainQuestion>) => {
    const page = pageOf(rows, { sort: "domain", order: "asc", offset: 0, limit: 10, ...change });
    return page.rows.map(({ domain }) => domain);
  };
  assert.deepEqual(ask({ search: " EXAMPLE " }), ["a.example", "b.example"]);
  assert.deepEqual(ask({ mode: "testing" }), ["b.example"]);
  assert.deepEqual(ask({ trouble: true }), ["c.test"]);
  assert.deepEqual(ask({ sort: "mode" }), ["a.example", "b.example", "c.test"]);
  assert.deepEqual(ask({ sort: "verifiedShare" }), ["a.example", "c.test", "b.example"]);
  assert.deepEqual(ask({ sort: "verifiedShare", order: "desc" }), ["c.test", "a.example", "b.example"]);
  assert.deepEqual(ask({ order: "desc", offset: 1, limit: 1 }), ["b.example"]);
  const { total, matched, modes } = pageOf(rows, { search: "a.", sort: "domain", order: "asc", offset: 0, limit: 0 });
  assert.deepEqual([total, matched, modes], [3, 1, { enforce: 1, testing: 1, none: 1 }]);
});
