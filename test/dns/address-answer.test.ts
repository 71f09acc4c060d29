import assert from "node:assert/strict";
import { test } from "node:test";
import { joinFamilies } from "../../src/dns/address-answer.ts";
import type { Address, DnsAnswer } from "../../src/dns/answer.ts";

type Answer = DnsAnswer<Address>;

const v4: Address = { address: "192.0.2.1", family: 4 };
const v6: Address = { address: "2001:db8::1", family: 6 };
const found = (record: Address, ttlSeconds: number, authentic = true): Answer => ({
  kind: "found",
  records: [record],
  name: "mx.test",
  ttlSeconds,
  authentic,
});
const absent = (status: "nodata" | "nxdomain", ttlSeconds: number, authentic = true): Answer => ({
  kind: "absent",
  status,
  ttlSeconds,
  authentic,
});
const timeout: Answer = { kind: "unknown", why: "timeout", detail: "AAAA" };
const servfail: Answer = { kind: "unknown", why: "servfail", detail: "A" };

test("A and AAAA are one answer: found if either is, absent only if both are (STS-TXT-7)", () => {
  const both: Answer = { kind: "found", records: [v4, v6], name: "mx.test", ttlSeconds: 10, authentic: true };
  const cases: [string, Answer, Answer, Answer][] = [
    ["both found", found(v4, 10), found(v6, 20), both],
    ["one absent", found(v4, 20), absent("nodata", 10), found(v4, 10)],
    ["one unknown", timeout, found(v6, 20), found(v6, 20)],
    ["both absent", absent("nodata", 20), absent("nodata", 10), absent("nodata", 10)],
    ["no such name", absent("nxdomain", 20), absent("nxdomain", 10), absent("nxdomain", 10)],
    ["at odds", absent("nxdomain", 20), absent("nodata", 10), absent("nodata", 10)],
    ["absent and unknown", absent("nodata", 20), timeout, timeout],
    ["unknown and absent", servfail, absent("nxdomain", 20), servfail],
    ["both unknown", servfail, timeout, servfail],
    ["found, one not authentic", found(v4, 10), absent("nodata", 10, false), found(v4, 10, false)],
    ["absent, one not authentic", absent("nodata", 10, false), absent("nodata", 10), absent("nodata", 10, false)],
  ];
  for (const [what, a, aaaa, expected] of cases) assert.deepEqual(joinFamilies(a, aaaa), expected, what);
});
