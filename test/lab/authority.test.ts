import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import tls from "node:tls";
import { createAuthority, type Issued, loadOrCreateAuthority, selfSigned } from "../../src/lab/authority.ts";
import { connectTls } from "./support/connect-tls.ts";

test("a certificate of the authority is accepted by who trusts it, for its SAN names only (RFC 5280)", async () => {
  const authority = await createAuthority();
  const issued = await authority.issue({ names: ["mx.lab.test", "*.wild.test"] });
  const leaf = new X509Certificate(issued.certPem);
  assert.equal(leaf.subjectAltName, "DNS:mx.lab.test, DNS:*.wild.test");
  assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  assert.equal(leaf.ca, false);
  assert.ok(leaf.checkIssued(new X509Certificate(authority.caPem)));
  assert.ok(leaf.checkPrivateKey(createPrivateKey(issued.keyPem)));
  const cases = {
    "mx.lab.test": undefined,
    "a.wild.test": undefined,
    "other.test": "ERR_TLS_CERT_ALTNAME_INVALID",
  };
  for (const [name, expected] of Object.entries(cases)) {
    assert.equal((await connectTls(issued, { ca: authority.caPem, servername: name })).error, expected, name);
  }
});

test("faults asked for are the faults had: dates, self-signed, foreign authority, no SAN (RFC 5280 section 4.1.2.5)", async () => {
  const [authority, other] = await Promise.all([createAuthority(), createAuthority()]);
  const day = 86_400_000;
  const names = ["mx.lab.test"];
  const cases: [string, Issued, string][] = [
    ["expired", await authority.issue({ names, notAfter: new Date(Date.now() - day) }), "CERT_HAS_EXPIRED"],
    ["not yet", await authority.issue({ names, notBefore: new Date(Date.now() + day) }), "CERT_NOT_YET_VALID"],
    ["self-signed", await selfSigned(names), "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["other CA of the same name", await other.issue({ names }), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ];
  for (const [what, issued, expected] of cases) {
    assert.equal((await connectTls(issued, { ca: authority.caPem, servername: "mx.lab.test" })).error, expected, what);
  }
  const withoutSan = new X509Certificate((await authority.issue({ names: [], commonName: "mx.lab.test" })).certPem);
  assert.equal(withoutSan.subjectAltName, undefined);
  assert.equal(withoutSan.subject, "CN=mx.lab.test");
  assert.equal(withoutSan.checkHost("mx.lab.test", { subject: "never" }), undefined);
});

test("dates from 2050 on and long names are written as RFC 5280 section 4.1.2.5 wants them", async () => {
  const authority = await createAuthority();
  const names = Array.from({ length: 40 }, (_, index) => `host-${index}.a-rather-long-label.lab.test`);
  const issued = await authority.issue({ names, notAfter: new Date("2051-02-03T04:05:06Z") });
  const leaf = new X509Certificate(issued.certPem);
  assert.equal(leaf.validToDate.toISOString(), "2051-02-03T04:05:06.000Z");
  assert.equal(leaf.subjectAltName?.split(", ").length, 40);
  tls.createSecureContext({ cert: issued.certPem, key: issued.keyPem });
});

test("an authority kept in a directory is the same after a restart, its key for the owner only", async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), "lab-ca-"));
  t.after(() => rm(dir, { recursive: true }));
  const first = await loadOrCreateAuthority(path.join(dir, "new"), "kept CA");
  const second = await loadOrCreateAuthority(path.join(dir, "new"));
  assert.equal(second.caPem, first.caPem);
  assert.equal((await stat(path.join(dir, "new", "ca.key"))).mode & 0o777, 0o600);
  assert.equal(await readFile(path.join(dir, "new", "ca.pem"), "utf8"), first.caPem);
  const issued = await second.issue({ names: ["mx.lab.test"] });
  assert.equal((await connectTls(issued, { ca: first.caPem, servername: "mx.lab.test" })).error, undefined);

  await writeFile(path.join(dir, "new", "ca.pem"), (await createAuthority()).caPem);
  await assert.rejects(loadOrCreateAuthority(path.join(dir, "new")), /do not belong together/);
});
