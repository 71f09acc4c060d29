/**
 * The body of a message in its "relaxed" form, piece by piece, so that hashing
 * it takes no memory of the message's size. RFC 6376 section 3.4.4.
 */

export type RelaxedBody = {
  /** The next bytes of the body; they may end anywhere. */
  update(piece: Buffer): void;
  /** The body has ended. */
  end(): void;
};

const BLOCK_OF_BREAKS = "\r\n".repeat(4096);

/** @param write is handed the relaxed form, one character for each byte (latin1) */
export function createRelaxedBody(write: (text: string) => void): RelaxedBody {
  // White space or a CR at a piece's end: what it becomes, the next piece says.
  let held = "";
  // Line ends that are not written yet: those at the body's end do not count. Only
  // counted, since a message may be made of nothing else.
  let breaks = 0;
  let isEmpty = true;

  const writeLine = (text: string) => {
    for (; breaks > 4096; breaks -= 4096) write(BLOCK_OF_BREAKS);
    write("\r\n".repeat(breaks) + text);
    breaks = 0;
    isEmpty = false;
  };

  return {
    update(piece) {
      const text = relaxedSpace(held + piece.toString("latin1"));
      const decided = decidedLength(text);
      held = text.slice(decided);
      const content = lengthWithoutBreaks(text, decided);
      if (content > 0) writeLine(text.slice(0, content));
      breaks += (decided - content) / 2;
    },
    end() {
      const last = held.replace(" ", "");
      if (last !== "") writeLine(last);
      // A body that is not empty ends in one CRLF, also where the message does not.
      if (!isEmpty) write("\r\n");
    },
  };
}

/** Runs of white space as one space, and none at the end of a line. Most text is so already. */
function relaxedSpace(text: string): string {
  if (!/\t| [ \r]/.test(text)) return text;
  // Runs first and then line ends, each in one pass: one pattern for both takes
  // time quadratic in a run of spaces.
  return text.replaceAll(/[ \t]+/g, " ").replaceAll(" \r\n", "\r\n");
}

function decidedLength(text: string): number {
  let length = text.length;
  if (text[length - 1] === "\r") length -= 1;
  return text[length - 1] === " " ? length - 1 : length;
}

function lengthWithoutBreaks(text: string, length: number): number {
  let end = length;
  while (end >= 2 && text[end - 1] === "\n" && text[end - 2] === "\r") end -= 2;
  return end;
}
