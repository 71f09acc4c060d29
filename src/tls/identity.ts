/**
 * Whether a certificate names a host: for MX hosts and for policy hosts.
 * RFC 8461 sections 3.3 and 4.2, RFC 6125 section 6.4.
 *
 * Node's own check is laxer than that: it falls back to the Common Name where
 * there is no dNSName, and takes `mx*.example.com` for a pattern.
 */
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { PeerCertificate } from "node:tls";

/** The code Node gives its own refusal, so that both read alike. */
export const HOST_MISMATCH = "ERR_TLS_CERT_ALTNAME_INVALID";

/**
 * For the option `checkServerIdentity` of `tls.connect`: `undefined` when a SAN
 * dNSName is `host`, or is a wildcard for its whole left-most label. Otherwise
 * an error with the code {@link HOST_MISMATCH}. An IP address never matches.
 */
export function checkServerIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  return names(certificate, host.replace(/\.$/, "")) ? undefined : mismatch(host);
}

function names(certificate: PeerCertificate, host: string): boolean {
  // OpenSSL takes a leading dot to stand for any subdomain, and an address that
  // was written into a dNSName for a name.
  if (host === "" || host.startsWith(".") || isIP(host) !== 0) return false;
  try {
    const options = { subject: "never", partialWildcards: false } as const;
    return new X509Certificate(certificate.raw).checkHost(host, options) !== undefined;
  } catch {
    // A throw from within the handshake would end the process: no stranger's
    // certificate, and no missing one, may do that.
    return false;
  }
}

function mismatch(host: string): Error {
  return Object.assign(new Error(`the certificate has no dNSName for ${host}`), { code: HOST_MISMATCH });
}
