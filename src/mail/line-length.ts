/** How long lines may be: 998 bytes and the CRLF. RFC 5321 section 4.5.3.1.6, RFC 5322 section 2.1.1. */

export const LONGEST_LINE_BYTES = 998;

export function hasShortLines(content: Buffer): boolean {
  // From the last line end that is in reach to the next: not every line is looked at.
  for (let start = 0; content.length - start > LONGEST_LINE_BYTES;) {
    const end = content.lastIndexOf("\r\n", start + LONGEST_LINE_BYTES);
    if (end < start) return false;
    start = end + 2;
  }
  return true;
}

/** Breaks what is too long wherever it is too long: for text that nobody reads. `joint` is put where a line was broken. */
export function brokenLines(content: Buffer, joint: "\r\n" | "\r\n "): Buffer {
  if (hasShortLines(content)) return content;
  const lines = content.toString("latin1").split("\r\n");
  const broken = lines.map((line) => line.match(/.{1,990}/gs)?.join(joint) ?? "");
  return Buffer.from(broken.join("\r\n"), "latin1");
}
