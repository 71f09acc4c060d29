/** Text for a terminal: tables that fit, progress, nothing that a stranger could steer it with. */

export type Column<Row> = {
  title: string;
  cell: (row: Row) => string;
  /** Numbers stand to the right. */
  right?: boolean;
  /** May be cut short where the terminal is narrow. */
  flexible?: boolean;
};

const GAP = "  ";
const LEAST_FLEXIBLE = 12;

/** @param width columns of the terminal; Infinity: nothing is cut short */
export function renderColumns<Row>(rows: Row[], columns: Column<Row>[], width: number): string {
  const cells = rows.map((row) => columns.map(({ cell }) => printable(cell(row))));
  const wanted = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  const widths = fitted(wanted, columns, width);
  const line = (texts: string[]) =>
    texts
      .map((text, index) => aligned(cut(text, widths[index] ?? 0), widths[index] ?? 0, columns[index]?.right === true))
      .join(GAP)
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...cells.map(line)].map((text) => `${text}\n`).join("");
}

/** The widest flexible column gives way first. */
function fitted(wanted: number[], columns: { flexible?: boolean }[], width: number): number[] {
  const widths = [...wanted];
  let excess = widths.reduce((sum, each) => sum + each, GAP.length * (widths.length - 1)) - width;
  const flexible = [...widths.keys()].filter((index) => columns[index]?.flexible === true);
  while (excess > 0) {
    const widest = flexible.reduce((a, b) => ((widths[b] ?? 0) > (widths[a] ?? 0) ? b : a), flexible[0] ?? -1);
    const current = widths[widest] ?? 0;
    if (current <= LEAST_FLEXIBLE) break;
    widths[widest] = current - 1;
    excess -= 1;
  }
  return widths;
}

const aligned = (text: string, width: number, right: boolean) => (right ? text.padStart(width) : text.padEnd(width));

const cut = (text: string, width: number) =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;

/** What a stranger's host said may be in it: no control characters, and on one line. */
export function printable(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll(/\p{C}/gu, "?");
}

/** Lines of at most `width`, each but the first with `indent` before it. */
export function wrapped(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of printable(text).split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= width || line === "") line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line].join(`\n${indent}`);
}

/** Where the output is no terminal, nothing is cut short. */
export const widthOf = (stream: { isTTY?: boolean; columns?: number }): number =>
  stream.isTTY === true ? (stream.columns ?? 80) : Infinity;

const SHOWN_AFTER_MS = 300;
const DRAWN_EVERY_MS = 50;
const BAR_WIDTH = 30;

/** Draws a bar on a terminal, and only when the work takes a while. */
export async function withProgress<T>(
  stream: NodeJS.WriteStream,
  work: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  let nextAt = Date.now() + SHOWN_AFTER_MS;
  let isDrawn = false;
  try {
    return await work((done, total) => {
      const now = Date.now();
      if (!stream.isTTY || now < nextAt) return;
      nextAt = now + DRAWN_EVERY_MS;
      isDrawn = true;
      stream.write(`\r${progressBar(done, total)}\u001B[K`);
    });
  } finally {
    if (isDrawn) stream.write("\r\u001B[K");
  }
}

export function progressBar(done: number, total: number): string {
  const part = total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.round(part * BAR_WIDTH);
  return `[${"#".repeat(full)}${".".repeat(BAR_WIDTH - full)}] ${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
}
