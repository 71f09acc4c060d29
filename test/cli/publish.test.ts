import assert from "node:assert/strict";
import { test } from "node:test";
import { directory } from "../config/read.ts";
import { stsRelay } from "./run.ts";

const YAML = `
hostname: relay.example.com
publish:
  domains:
    a.example: { mode: enforce, mx: [mx1.a.example] }
    b.example: { mode: testing, mx: [mx.b.example], reportsTo: ["mailto:tls@b.example"] }
`;

test("publish records prints what to set in the DNS, as lines of a zone file", async (t) => {
  const cwd = directory(t, { "config/relay.yaml": YAML });
  const { code, stdout, stderr } = await stsRelay(["publish", "records"], { cwd });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^; a\.example: mode enforce, max_age 604800, mx mx1\.a\.example$/m);
  assert.match(stdout, /^_mta-sts\.a\.example\. +300 +IN TXT +"v=STSv1; id=[0-9a-f]{32};"$/m);
  assert.match(stdout, /^mta-sts\.a\.example\. +3600 +IN CNAME relay\.example\.com\.$/m);
  assert.match(stdout, /^; no _smtp\._tls record: publish\.reportsTo /m);
  assert.match(stdout, /^_smtp\._tls\.b\.example\. +3600 +IN TXT +"v=TLSRPTv1; rua=mailto:tls@b\.example"$/m);
});

test("a domain is named in any form, and one that is not ours is refused", async (t) => {
  const cwd = directory(t, { "config/relay.yaml": YAML });
  const one = await stsRelay(["publish", "records", "B.Example.", "--json"], { cwd });
  assert.equal(one.code, 0, one.stderr);
  assert.deepEqual(
    (JSON.parse(one.stdout) as { domain: string }[]).map(({ domain }) => domain),
    ["b.example"],
  );
  const cases: [args: string[], code: number, stderr: RegExp][] = [
    [["publish", "records", "c.example"], 78, /publish\.domains has no c\.example; it has a\.example, b\.example/],
    [["publish"], 2, /`records` or `check`/],
    [["publish", "recrods"], 2, /did you mean "records"/],
  ];
  for (const [args, code, said] of cases) {
    const ended = await stsRelay(args, { cwd });
    assert.deepEqual([ended.code, ended.stdout], [code, ""], args.join(" "));
    assert.match(ended.stderr, said);
  }
  const none = await stsRelay(["publish", "check"], { cwd: directory(t) });
  assert.equal(none.code, 78);
  assert.match(none.stderr, /publish\.domains is empty/);
});

test("hosts that cannot be looked up leave their domain out, and the exit code says so", async (t) => {
  const yaml = `${YAML}    c.example: { mode: testing, mx: dns }\ndns: { servers: ["127.0.0.1:1"], timeout: 50ms, tries: 1 }\n`;
  const cwd = directory(t, { "config/relay.yaml": yaml });
  const { code, stdout, stderr } = await stsRelay(["publish", "records", "--json"], { cwd });
  assert.equal(code, 69);
  assert.match(stderr, /^sts-relay publish records: c\.example: the MX records of c\.example could not be looked up/);
  assert.equal((JSON.parse(stdout) as unknown[]).length, 2);
});
