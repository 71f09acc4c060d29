/** Failed fetches in the words of RFC 8460 section 4.3.2. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { failureOf } from "../../src/mta-sts/fetch-failure.ts";

test("TLS is told from all else, in words of our own (STS-GET-2, RFC 8460 section 4.3.2)", () => {
  const cases: [code: string | undefined, untrusted: string | undefined, resultType: string, detail: string][] = [
    ["CERT_HAS_EXPIRED", "CERT_HAS_EXPIRED", "sts-webpki-invalid", "h: its certificate has expired"],
    [
      "CA_KEY_TOO_SMALL",
      "CA_KEY_TOO_SMALL",
      "sts-webpki-invalid",
      "h: its certificate is not trusted (CA_KEY_TOO_SMALL)",
    ],
    // OpenSSL knows reasons that have no code; Node then gives their text.
    [undefined, "certificate says <b>evil</b>", "sts-webpki-invalid", "h: its certificate is not trusted (no code)"],
    [
      "ERR_SSL_WRONG_VERSION_NUMBER",
      undefined,
      "sts-webpki-invalid",
      "h: no TLS connection (ERR_SSL_WRONG_VERSION_NUMBER)",
    ],
    ["EPROTO", undefined, "sts-webpki-invalid", "h: no TLS connection (EPROTO)"],
    ["ECONNREFUSED", undefined, "sts-policy-fetch-error", "h: it refused the connection"],
    ["ECONNRESET", undefined, "sts-policy-fetch-error", "h: it broke the connection off"],
    ["HPE_HEADER_OVERFLOW", undefined, "sts-policy-fetch-error", "h: its answer has too long a head"],
    ["HPE_INVALID_CONSTANT", undefined, "sts-policy-fetch-error", "h: it does not speak HTTP properly"],
    ["ESOMETHING", undefined, "sts-policy-fetch-error", "h: the exchange failed (ESOMETHING)"],
    [undefined, undefined, "sts-policy-fetch-error", "h: the exchange failed (no code)"],
    ["constructor", undefined, "sts-policy-fetch-error", "h: the exchange failed (no code)"],
    ["x", "toString", "sts-webpki-invalid", "h: its certificate is not trusted (no code)"],
  ];
  for (const [code, untrusted, resultType, detail] of cases) {
    assert.deepEqual(failureOf("h", { code, untrusted }), { resultType, detail });
  }
});
