/** Failed fetches in the words of RFC 8460 section 4.3.2. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FetchCause } from "../../src/mta-sts/answer.ts";
import { failureOf } from "../../src/mta-sts/fetch-failure.ts";

test("TLS is told from all else, in words of our own (STS-GET-2, RFC 8460 section 4.3.2)", () => {
  const webPki = "sts-webpki-invalid";
  const fetch = "sts-policy-fetch-error";
  type Case = [code: string | undefined, untrusted: string | undefined, resultType: string, words: string, FetchCause];
  const cases: Case[] = [
    ["CERT_HAS_EXPIRED", "CERT_HAS_EXPIRED", webPki, "its certificate has expired", "certificate-expired"],
    ["x", "ERR_TLS_CERT_ALTNAME_INVALID", webPki, "its certificate is for other names", "certificate-name"],
    [
      "CA_KEY_TOO_SMALL",
      "CA_KEY_TOO_SMALL",
      webPki,
      "its certificate is not trusted (CA_KEY_TOO_SMALL)",
      "certificate-untrusted",
    ],
    // OpenSSL knows reasons that have no code; Node then gives their text.
    [
      undefined,
      "certificate says <b>evil</b>",
      webPki,
      "its certificate is not trusted (no code)",
      "certificate-untrusted",
    ],
    ["ERR_SSL_WRONG_VERSION_NUMBER", undefined, webPki, "no TLS connection (ERR_SSL_WRONG_VERSION_NUMBER)", "tls"],
    ["EPROTO", undefined, webPki, "no TLS connection (EPROTO)", "tls"],
    ["ECONNREFUSED", undefined, fetch, "it refused the connection", "unreachable"],
    ["ECONNRESET", undefined, fetch, "it broke the connection off", "unreachable"],
    ["HPE_HEADER_OVERFLOW", undefined, fetch, "its answer has too long a head", "answer"],
    ["HPE_INVALID_CONSTANT", undefined, fetch, "it does not speak HTTP properly", "answer"],
    ["ESOMETHING", undefined, fetch, "the exchange failed (ESOMETHING)", "unreachable"],
    [undefined, undefined, fetch, "the exchange failed (no code)", "unreachable"],
    ["constructor", undefined, fetch, "the exchange failed (no code)", "unreachable"],
    ["x", "toString", webPki, "its certificate is not trusted (no code)", "certificate-untrusted"],
  ];
  for (const [code, untrusted, resultType, words, cause] of cases) {
    assert.deepEqual(failureOf("h", { code, untrusted }), { resultType, detail: `h: ${words}`, cause });
  }
});
