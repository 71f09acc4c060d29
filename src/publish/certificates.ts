/**
 * Which of our certificates a client of the policy server is shown: the one
 * that names the host it asks for. RFC 6066 section 3 (SNI), RFC 8461 section 3.3.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";

/** In PEM; the certificate with its intermediates behind it. */
export type PemCertificate = { cert: string; key: string };

export type Certificates = {
  /** The first that names it; `undefined` when none does. */
  contextFor(servername: string): SecureContext | undefined;
};

/** Throws for one that TLS cannot use. */
export function createCertificates(pems: PemCertificate[]): Certificates {
  const shown = pems.map(({ cert, key }) => {
    const leaf = new X509Certificate(cert);
    // A context alone would do with an empty key, and fail each handshake.
    if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error("the key does not belong to the certificate");
    return { leaf, context: createSecureContext({ cert, key, minVersion: "TLSv1.2" }) };
  });
  return { contextFor: (servername) => shown.find(({ leaf }) => namesHost(leaf, servername))?.context };
}

/** As senders judge: by dNSNames alone, a wildcard only for a whole label. RFC 8461 section 3.3. */
export function namesHost(certificate: X509Certificate, host: string): boolean {
  return certificate.checkHost(host, { subject: "never", partialWildcards: false }) !== undefined;
}
