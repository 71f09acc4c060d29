/**
 * A message's text as it lies in Redis: in one piece, or in two, so that its
 * allocator (jemalloc) has little to add. That one gives out memory in four
 * sizes for each doubling: a text of 65 KiB alone would take 80.
 */
import { concatWithRoom } from "../mail/spare-room.ts";

/** A second piece costs about this much: its field's name, and its entry in the hash. */
const WORTH_A_PIECE_BYTES = 256;

const SMALLEST_BYTES = 1_024;

/** For what ends a message where it is sent. RFC 5321 section 4.1.1.4. */
const END_BYTES = 3;

/** One piece or two. They share the memory of `text`. */
export function splitText(text: Buffer): Buffer[] {
  const whole = text.length + headerBytes(text.length);
  if (whole < SMALLEST_BYTES || sizeAbove(whole) - whole < WORTH_A_PIECE_BYTES) return [text];
  const size = sizeBelow(whole);
  const cut = size - headerBytes(size - headerBytes(size));
  return [text.subarray(0, cut), text.subarray(cut)];
}

/** The reverse of `splitText`, with `null` for a piece that is not there. `undefined`: the text is gone. */
export function joinText(first: Buffer | null | undefined, rest: Buffer | null | undefined): Buffer | undefined {
  if (!first) return undefined;
  return rest ? concatWithRoom([first, rest], { before: 0, behind: END_BYTES }) : first;
}

/** What Redis keeps with a string of so many bytes: its length, and a byte at its end. */
function headerBytes(length: number): number {
  if (length < 256) return 4;
  return length < 65_536 ? 6 : 10;
}

const stepOf = (bytes: number) => 2 ** (Math.floor(Math.log2(bytes)) - 2);

function sizeBelow(bytes: number): number {
  const step = stepOf(bytes);
  return Math.floor(bytes / step) * step;
}

/** `bytes` itself, if it is one of the sizes. */
function sizeAbove(bytes: number): number {
  const step = stepOf(bytes);
  return Math.ceil(bytes / step) * step;
}
