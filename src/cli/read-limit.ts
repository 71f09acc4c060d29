/** The value of `--limit`. */

export function readLimit(text: string | undefined, byDefault: number): number | { wrong: string } {
  if (text === undefined) return byDefault;
  return /^[1-9]\d{0,6}$/.test(text) ? Number(text) : { wrong: `--limit ${text} is not a number of lines` };
}
