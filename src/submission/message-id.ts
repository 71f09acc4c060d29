/**
 * The queue id of a message: 48 bits of time and 40 of chance, in the alphabet of
 * Crockford's base 32 (no i, l, o, u: read out over the telephone it stays itself).
 */

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const TIME_CHARACTERS = 10;
const RANDOM_BYTES = 5;

/** 18 letters and digits; ids of later milliseconds sort after those of earlier ones. */
export function newMessageId(now: number, random: (bytes: number) => Buffer): string {
  return base32(now, TIME_CHARACTERS) + base32(random(RANDOM_BYTES).readUIntBE(0, RANDOM_BYTES), 8);
}

/** Both numbers stay below 2^53. */
function base32(value: number, characters: number): string {
  let text = "";
  for (let rest = value; text.length < characters; rest = Math.floor(rest / 32)) {
    text = ALPHABET.charAt(rest % 32) + text;
  }
  return text;
}
