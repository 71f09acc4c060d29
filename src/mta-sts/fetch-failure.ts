/**
 * What a failed policy fetch is called and how it reads: from error codes to
 * the words of RFC 8460 section 4.3.2. An exception's own text goes nowhere: it
 * changes with the runtime and may carry what a stranger wrote.
 */
import { HOST_MISMATCH } from "../tls/identity.ts";
import type { FetchCause, FetchFailure } from "./answer.ts";

/** How an exchange ended early. */
export type Fault = {
  /** The code of the error, of Node or OpenSSL. */
  code: string | undefined;
  /** Why TLS did not accept the certificate, where that was it. */
  untrusted: string | undefined;
};

const CERTIFICATE_WORDS = new Map(
  Object.entries({
    ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for other names",
    CERT_HAS_EXPIRED: "its certificate has expired",
    CERT_NOT_YET_VALID: "its certificate is not valid yet",
    CERT_REVOKED: "its certificate is revoked",
    DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
    SELF_SIGNED_CERT_IN_CHAIN: "its certificate comes from an authority that is not trusted",
    UNABLE_TO_GET_ISSUER_CERT: "its certificate comes from an authority that is not trusted",
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate comes from an authority that is not trusted",
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate comes without the chain to a trusted authority",
    INVALID_PURPOSE: "its certificate is not for servers",
  }),
);

const NETWORK_WORDS = new Map(
  Object.entries({
    ECONNREFUSED: "it refused the connection",
    ECONNRESET: "it broke the connection off",
    EPIPE: "it broke the connection off",
    EHOSTUNREACH: "it cannot be reached",
    ENETUNREACH: "it cannot be reached",
    EADDRNOTAVAIL: "it cannot be reached",
    ETIMEDOUT: "it did not answer",
    ERR_SOCKET_CONNECTION_TIMEOUT: "it did not answer",
    HPE_HEADER_OVERFLOW: "its answer has too long a head",
  }),
);

/** @param host the policy host, for the text */
export function failureOf(host: string, { code, untrusted }: Fault): FetchFailure {
  if (untrusted !== undefined) {
    const words = CERTIFICATE_WORDS.get(untrusted) ?? `its certificate is not trusted (${asCode(untrusted)})`;
    return webPkiInvalid(host, words, certificateCause(untrusted));
  }
  if (code !== undefined && /^(?:ERR_SSL_|ERR_TLS_|EPROTO$)/.test(code)) {
    return webPkiInvalid(host, `no TLS connection (${asCode(code)})`, "tls");
  }
  const words = NETWORK_WORDS.get(code ?? "");
  if (words !== undefined) return fetchError(host, words, code === "HPE_HEADER_OVERFLOW" ? "answer" : "unreachable");
  if (code?.startsWith("HPE_")) return fetchError(host, "it does not speak HTTP properly", "answer");
  return fetchError(host, `the exchange failed (${asCode(code ?? "")})`, "unreachable");
}

export const fetchError = (host: string, words: string, cause?: FetchCause): FetchFailure => ({
  resultType: "sts-policy-fetch-error",
  detail: `${host}: ${words}`,
  ...(cause === undefined ? {} : { cause }),
});

export const policyInvalid = (host: string, words: string): FetchFailure => ({
  resultType: "sts-policy-invalid",
  detail: `the policy of ${host}: ${words}`,
  cause: "policy",
});

const webPkiInvalid = (host: string, words: string, cause: FetchCause): FetchFailure => ({
  resultType: "sts-webpki-invalid",
  detail: `${host}: ${words}`,
  cause,
});

function certificateCause(untrusted: string): FetchCause {
  if (untrusted === HOST_MISMATCH) return "certificate-name";
  return untrusted === "CERT_HAS_EXPIRED" ? "certificate-expired" : "certificate-untrusted";
}

// Where OpenSSL has no code, Node gives a text in its place.
const asCode = (code: string) => (/^[A-Z][A-Z0-9_]*$/.test(code) ? code : "no code");
