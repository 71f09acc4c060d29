/**
 * The roots that certificates are judged by, and the two ways a handshake is
 * made. Contexts are built once: parsing the roots costs milliseconds each time,
 * and options given beside a ready context are ignored.
 */
import tls from "node:tls";

export type Trust = {
  /** TLS 1.2 or later. For everything that must be verified, and for policy hosts. RFC 8461 section 4.2, RFC 8996. */
  strict: tls.SecureContext;
  /**
   * Any TLS that OpenSSL still speaks: some encryption beats none where nothing
   * is required (RFC 7435). What such a session proved is judged all the same.
   */
  lenient: tls.SecureContext;
};

/** @param extraCaPem certificates added to the roots that Node trusts by default, PEM. */
export function createTrust(extraCaPem?: string): Trust {
  const ca = [...tls.getCACertificates("default"), ...(extraCaPem === undefined ? [] : [extraCaPem])];
  return {
    strict: tls.createSecureContext({ ca, minVersion: "TLSv1.2" }),
    lenient: tls.createSecureContext({ ca, minVersion: "TLSv1", ciphers: "DEFAULT:@SECLEVEL=0" }),
  };
}
