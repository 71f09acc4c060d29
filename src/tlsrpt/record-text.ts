/**
 * The `_smtp._tls` TXT record as text: what `readReportRecords` reads back.
 * RFC 8460 section 3.
 */

/** @param uris `mailto:` or `https://`, in ASCII. At least one. */
export function formatReportRecord(uris: string[]): string {
  return `v=TLSRPTv1; rua=${uris.map(escapeUri).join(",")}`;
}

/** The signs that part URIs and fields stand for themselves only when encoded. RFC 8460 section 3. */
const escapeUri = (uri: string) =>
  uri.replaceAll(/[!,;]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
