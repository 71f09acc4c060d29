/**
 * The few DER types that a certificate is written in. ITU-T X.690 section 8
 * and section 10; which of them a certificate uses is RFC 5280's choice.
 *
 * Only writing: what is written here is read back by OpenSSL.
 */

/** One element: tag, length in the shortest form, contents. */
export function element(tag: number, ...contents: Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(body), body]);
}

function lengthOf(body: Buffer): Buffer {
  if (body.length < 0x80) return Buffer.from([body.length]);
  const digits = bigEndian(body.length);
  return Buffer.concat([Buffer.from([0x80 | digits.length]), digits]);
}

function bigEndian(value: number): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
}

export const sequence = (...items: Uint8Array[]) => element(0x30, ...items);
export const set = (...items: Uint8Array[]) => element(0x31, ...items);
export const boolean = (value: boolean) => element(0x01, Buffer.from([value ? 0xff : 0x00]));
export const octetString = (contents: Uint8Array) => element(0x04, contents);
export const utf8String = (text: string) => element(0x0c, Buffer.from(text));

/** A whole number that is not negative, from its big-endian bytes. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const shortest = bytes.subarray(start);
  // A leading one bit would make the number negative.
  return (shortest[0] ?? 0) >= 0x80 ? element(0x02, Buffer.from([0]), shortest) : element(0x02, shortest);
}

/** `unusedBits` is how many bits of the last byte do not count. */
export const bitString = (contents: Uint8Array, unusedBits = 0) => element(0x03, Buffer.from([unusedBits]), contents);

/** An object identifier from its dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return element(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(arc: number): number[] {
  const digits = [arc & 0x7f];
  for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift(0x80 | (left & 0x7f));
  return digits;
}

/** `[number]` around whole elements (explicit tagging). */
export const explicit = (number: number, ...contents: Uint8Array[]) => element(0xa0 | number, ...contents);

/** `[number]` in the place of a primitive's own tag (implicit tagging). */
export const implicit = (number: number, contents: Uint8Array) => element(0x80 | number, contents);

/** UTCTime until 2049 and GeneralizedTime from 2050. RFC 5280 section 4.1.2.5. */
export function time(at: Date): Buffer {
  const digits = `${at.toISOString().replaceAll(/[-:T]/g, "").slice(0, 14)}Z`;
  return at.getUTCFullYear() < 2050
    ? element(0x17, Buffer.from(digits.slice(2), "latin1"))
    : element(0x18, Buffer.from(digits, "latin1"));
}
