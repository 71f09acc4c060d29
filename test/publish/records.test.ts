import assert from "node:assert/strict";
import { test } from "node:test";
import { readRecords } from "../../src/mta-sts/record.ts";
import { type DnsRecord, recordsFor } from "../../src/publish/records.ts";
import { zoneLines } from "../../src/publish/zone-file.ts";

const COMMON = { domain: "a.example", id: "0123abc", reachedAt: { name: "relay.example" }, reportsTo: [] };

test("a domain needs the record that announces the policy, a way to the policy host, and a place for reports (RFC 8461 sections 3.1 and 3.3, RFC 8460 section 3)", () => {
  const record = { name: "_mta-sts.a.example", type: "TXT", ttlSeconds: 300, value: "v=STSv1; id=0123abc;" };
  const alias = { name: "mta-sts.a.example", type: "CNAME", ttlSeconds: 3600, value: "relay.example" };
  const cases: [change: Partial<Parameters<typeof recordsFor>[0]>, expected: unknown[]][] = [
    [{}, [record, alias]],
    [
      { reachedAt: { addresses: ["192.0.2.1", "2001:db8::1"] } },
      [
        record,
        { name: "mta-sts.a.example", type: "A", ttlSeconds: 3600, value: "192.0.2.1" },
        { name: "mta-sts.a.example", type: "AAAA", ttlSeconds: 3600, value: "2001:db8::1" },
      ],
    ],
    [{ reachedAt: { name: "mta-sts.a.example" } }, [record]],
    [
      { reportsTo: ["mailto:tls@a.example"] },
      [
        record,
        alias,
        { name: "_smtp._tls.a.example", type: "TXT", ttlSeconds: 3600, value: "v=TLSRPTv1; rua=mailto:tls@a.example" },
      ],
    ],
  ];
  for (const [change, expected] of cases) assert.deepEqual(recordsFor({ ...COMMON, ...change }), expected);
  assert.deepEqual(readRecords([record.value]), { kind: "record", id: COMMON.id });
});

test("records as lines of a zone file (RFC 1035 section 5.1)", () => {
  const line = (value: string, type: DnsRecord["type"] = "TXT") =>
    zoneLines([{ name: "a.example", type, ttlSeconds: 300, value }])[0];
  assert.equal(line("v=STSv1; id=1;"), 'a.example. 300   IN TXT   "v=STSv1; id=1;"');
  assert.equal(line('a "b" \\c'), String.raw`a.example. 300   IN TXT   "a \"b\" \\c"`);
  assert.equal(line("relay.example", "CNAME"), "a.example. 300   IN CNAME relay.example.");
  assert.equal(line("192.0.2.1", "A"), "a.example. 300   IN A     192.0.2.1");
  const long = "x".repeat(300);
  assert.equal(line(long), `a.example. 300   IN TXT   "${"x".repeat(255)}" "${"x".repeat(45)}"`);
  assert.deepEqual(zoneLines([]), []);
  const [short, other] = zoneLines(recordsFor(COMMON));
  assert.equal(short?.indexOf(" IN "), other?.indexOf(" IN "));
});
