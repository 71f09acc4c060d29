/**
 * The certificate shown to clients, checked before it takes the place of another.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";

/** In PEM; the certificate with its intermediates behind it. */
export type Certificate = { key: string; cert: string };

/** Throws when a listener could not use them: unreadable, or not of one pair. */
export function assertUsable({ key, cert }: Certificate): void {
  // A secure context alone would do with an empty key, and fail each handshake.
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw new Error("the key does not belong to the certificate");
  }
  createSecureContext({ key, cert });
}
