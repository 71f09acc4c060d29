/**
 * Large texts with room around them, so that what comes before or behind one
 * needs no copy of the whole. To the collector of JavaScript each copy is
 * memory to look for: with copies at every step it ran four times a second.
 */

/** A smaller text is copied sooner than room is made. */
const WORTH_BYTES = 16 * 1024;

/** Where a text lies in its memory, with all that has been put around it. The rest is free. */
const taken = new WeakMap<ArrayBufferLike, { from: number; to: number }>();

/** `Buffer.concat`, with so many bytes free before and behind it. */
export function concatWithRoom(pieces: Buffer[], room: { before: number; behind: number }): Buffer {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length < WORTH_BYTES) return Buffer.concat(pieces, length);
  // Its memory is its own: not of the pool that short texts share.
  const memory = Buffer.allocUnsafeSlow(room.before + length + room.behind);
  let at = room.before;
  for (const piece of pieces) at += piece.copy(memory, at);
  taken.set(memory.buffer, { from: room.before, to: at });
  return memory.subarray(room.before, at);
}

/**
 * `prefix`, then `text`: in the memory of `text` if there is room before it that nobody has taken. Otherwise in memory
 * of its own, also if it is short: in the pool it would hold what else is there for as long as it is kept.
 */
export function putBefore(prefix: Buffer, text: Buffer): Buffer {
  const place = taken.get(text.buffer);
  const from = text.byteOffset - prefix.length;
  if (place?.from !== text.byteOffset || from < 0) {
    const whole = Buffer.allocUnsafeSlow(prefix.length + text.length);
    text.copy(whole, prefix.copy(whole));
    return whole;
  }
  place.from = from;
  prefix.copy(Buffer.from(text.buffer, from, prefix.length));
  return Buffer.from(text.buffer, from, prefix.length + text.length);
}

/** `text`, then `suffix`: in the memory of `text` if there is room behind it that nobody has taken. */
export function putBehind(text: Buffer, suffix: Buffer): Buffer {
  const place = taken.get(text.buffer);
  const end = text.byteOffset + text.length;
  const to = end + suffix.length;
  if (place?.to !== end || to > text.buffer.byteLength) return Buffer.concat([text, suffix]);
  place.to = to;
  suffix.copy(Buffer.from(text.buffer, end, suffix.length));
  return Buffer.from(text.buffer, text.byteOffset, text.length + suffix.length);
}
