/**
 * Text as lines that fit a terminal.
 */

export type ParagraphShape = {
  /** Before the first line, and before the others. */
  first: string;
  rest: string;
  width: number;
};

/**
 * Broken at blanks; a word that is too long is cut. What a stranger's server or
 * record said may be in it: it must not steer the terminal.
 */
export function paragraph(text: string, { first, rest, width }: ParagraphShape): string[] {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of words(text, width - Math.max(first.length, rest.length))) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = rest;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}

function words(text: string, longest: number): string[] {
  const printable = text.replaceAll(/\s+/g, " ").replaceAll(/\p{C}/gu, "?").trim();
  return printable.split(" ").flatMap((word) => pieces(word, longest));
}

function pieces(word: string, longest: number): string[] {
  const count = Math.max(1, Math.ceil(word.length / longest));
  return Array.from({ length: count }, (_, index) => word.slice(index * longest, (index + 1) * longest));
}
