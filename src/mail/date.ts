/**
 * A moment as mail writes it: `Tue, 01 Jan 2030 00:00:00 +0000`. Always in UTC.
 * RFC 5322 section 3.3.
 */
export function mailDate(at: number): string {
  // JavaScript ends the same format with the obsolete zone "GMT".
  return new Date(at).toUTCString().replace("GMT", "+0000");
}
