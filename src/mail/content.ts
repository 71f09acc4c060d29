/**
 * The line endings of a message. SMTP knows CRLF and nothing else: a bare CR or
 * LF means one thing to one server and another to the next, which is how a
 * second message is smuggled inside a first. RFC 5321 sections 2.3.8 and 4.1.1.4.
 */

const CRLF = Buffer.from("\r\n");
const BARE = /\r(?!\n)|(?<!\r)\n/;
const ANY_ENDING = /\r\n|\r|\n/g;

/** Where the first bare CR or bare LF is; -1 when every line ends in CRLF. */
export function findBareLineEnding(data: Buffer): number {
  // Latin-1 keeps one character for each byte, and the regular expression engine
  // goes through it several times faster than a loop over the bytes.
  return data.toString("latin1").search(BARE);
}

/** Makes each bare CR and each bare LF a CRLF. Other bytes are not touched. */
export function normaliseLineEndings(data: Buffer): Buffer {
  return Buffer.from(data.toString("latin1").replace(ANY_ENDING, "\r\n"), "latin1");
}

/**
 * The message with a CRLF at its end, without which the "." that ends DATA would
 * not stand on a line of its own. An empty message stays empty. RFC 5321 section 4.1.1.4.
 */
export function endWithCrlf(data: Buffer): Buffer {
  if (data.length === 0 || data.subarray(-2).equals(CRLF)) return data;
  // A last bare CR becomes half of the ending, so that none is left over.
  const body = data.at(-1) === 0x0d ? data.subarray(0, -1) : data;
  return Buffer.concat([body, CRLF]);
}
