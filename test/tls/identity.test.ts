/** Which host a certificate is for. RFC 8461 section 4.2, RFC 6125. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import type { PeerCertificate } from "node:tls";
import { createAuthority } from "../../src/lab/authority.ts";
import { checkServerIdentity } from "../../src/tls/identity.ts";

type Case = [names: string[], commonName: string, host: string, matches: boolean];

test("a SAN dNSName counts, a Common Name never, a wildcard only as the whole first label (STS-GET-2, STS-VAL-3)", async () => {
  const authority = await createAuthority();
  const cases: Case[] = [
    [["mx.example.com"], "x", "mx.example.com", true],
    [["MX.Example.com"], "x", "mx.example.COM", true],
    [["mx.example.com"], "x", "mx.example.com.", true],
    [["a.example.com", "b.example.com"], "x", "b.example.com", true],
    [["mx.example.com"], "x", "example.com", false],
    [["example.com"], "x", "mx.example.com", false],
    [[], "mx.example.com", "mx.example.com", false],
    [["other.example.com"], "mx.example.com", "mx.example.com", false],
    [["*.example.com"], "x", "mx.example.com", true],
    [["*.example.com"], "x", "example.com", false],
    [["*.example.com"], "x", "a.mx.example.com", false],
    [["mx*.example.com"], "x", "mx1.example.com", false],
    [["*x.example.com"], "x", "mx.example.com", false],
    [["mx.*.com"], "x", "mx.example.com", false],
    [["*.*.com"], "x", "mx.example.com", false],
    [["xn--*.example.com"], "x", "xn--bcher-kva.example.com", false],
    [["xn--bcher-kva.example.com"], "x", "xn--bcher-kva.example.com", true],
    [["192.0.2.1"], "192.0.2.1", "192.0.2.1", false],
    [["mx.example.com"], "x", ".example.com", false],
    [["mx.example.com"], "x", "", false],
    [["mx.example.com"], "x", ".", false],
  ];
  const made = cases.map(async ([names, commonName, host, matches]) => {
    const { certPem } = await authority.issue({ names, commonName });
    const certificate = { raw: new X509Certificate(certPem).raw } as PeerCertificate;
    const error = checkServerIdentity(host, certificate);
    assert.equal(error === undefined, matches, `${names.join()} CN=${commonName} for ${JSON.stringify(host)}`);
    if (!matches) assert.equal((error as NodeJS.ErrnoException).code, "ERR_TLS_CERT_ALTNAME_INVALID");
  });
  await Promise.all(made);
});

test("no certificate, or bytes that are none, match nothing and throw nothing (STS-VAL-12)", () => {
  for (const raw of [undefined, Buffer.alloc(0), Buffer.from("certificate")]) {
    assert.ok(checkServerIdentity("mx.example.com", { raw } as PeerCertificate) instanceof Error);
  }
});
