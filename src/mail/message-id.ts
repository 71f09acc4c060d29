/**
 * The queue id of a message: 48 bits of time, 10 that say which process took it,
 * and 30 of chance, in the alphabet of Crockford's base 32 (no i, l, o, u: read
 * out over the telephone it stays itself).
 */
import { createRandomPool } from "./random-pool.ts";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const TIME_CHARACTERS = 10;
const MARK_CHARACTERS = 2;
const CHANCE_CHARACTERS = 6;
const RANDOM_BYTES = 4;

/** Gives so many random bytes. */
export type Random = (bytes: number) => Buffer;

export type MessageIds = {
  /** By which a process knows messages that it took. Another may have the same, once in a thousand times. */
  mark: string;
  /** 18 letters and digits; ids of later milliseconds sort after those of earlier ones. */
  next(now: number): string;
};

export function createMessageIds(random: Random = createRandomPool()): MessageIds {
  const digits = (characters: number) => base32(random(RANDOM_BYTES).readUInt32BE(), characters);
  const mark = digits(MARK_CHARACTERS);
  return { mark, next: (now) => base32(now, TIME_CHARACTERS) + mark + digits(CHANCE_CHARACTERS) };
}

/** Where it stands in an id, both included, counted from 1. */
export const MARK_PLACE = { first: TIME_CHARACTERS + 1, last: TIME_CHARACTERS + MARK_CHARACTERS };

export const markOf = (id: string): string => id.slice(MARK_PLACE.first - 1, MARK_PLACE.last);

/** The lowest digits of a whole number below 2^53. */
function base32(value: number, characters: number): string {
  let text = "";
  for (let rest = value; text.length < characters; rest = Math.floor(rest / 32)) {
    text = ALPHABET.charAt(rest % 32) + text;
  }
  return text;
}
