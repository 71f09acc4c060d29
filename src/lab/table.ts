/**
 * The rows of a tour as a table for a terminal. Text in, text out.
 */
import { styleText } from "node:util";
import type { TourRow } from "./tour.ts";

export type TableOptions = {
  /** Columns of the terminal; fewer than 60 are taken as 60. */
  width: number;
  colour: boolean;
};

type Column = { title: string; width: number; cell: (row: TourRow) => string };

const GAP = "  ";
const LEAST_WIDTH = 60;

/** Ends with a line that counts. */
export function renderTable(rows: TourRow[], options: TableOptions): string {
  const columns = columnsFor(rows, Math.max(options.width, LEAST_WIDTH));
  const header = columns.map(({ title, width }) => title.padEnd(width)).join(GAP);
  const rule = columns.map(({ width }) => "─".repeat(width)).join(GAP);
  const lines = [`   ${header.trimEnd()}`, `   ${rule}`, ...rows.flatMap((row) => renderRow(row, columns, options))];
  return `${lines.join("\n")}\n\n${summary(rows, options)}\n`;
}

function columnsFor(rows: TourRow[], width: number): Column[] {
  const longest = Math.max(...rows.map(({ domain }) => domain.length), 0);
  const domain = Math.min(longest, Math.floor(width / 4));
  const outcome = width < 100 ? 10 : 24;
  const rest = width - "✓  ".length - domain - outcome - 3 * GAP.length;
  const shows = Math.floor(rest * 0.4);
  return [
    { title: "domain", width: domain, cell: (row) => row.domain },
    { title: "shows", width: shows, cell: (row) => row.shows },
    { title: "outcome", width: outcome, cell: (row) => row.outcome },
    { title: "why", width: rest - shows, cell: whyWords },
  ];
}

function whyWords({ why, problem }: TourRow): string {
  const notRight = problem === undefined ? [] : [`NOT RIGHT: ${problem}`];
  return [...(why === "" ? [] : [why]), ...notRight].join(" — ");
}

function renderRow(row: TourRow, columns: Column[], { colour }: TableOptions): string[] {
  const right = row.ok;
  const mark = paint(right ? "green" : "red", right ? "✓" : "✗", colour);
  const cells = columns.map(({ width, cell }) => wrap(printable(cell(row)), width));
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, index) => {
    const line = columns.map(({ width }, column) => (cells[column]?.[index] ?? "").padEnd(width)).join(GAP);
    return `${index === 0 ? mark : " "}  ${right ? line.trimEnd() : paint("red", line.trimEnd(), colour)}`;
  });
}

function summary(rows: TourRow[], { colour }: TableOptions): string {
  const wrong = rows.filter(({ ok }) => !ok).length;
  return wrong === 0
    ? paint("green", `${rows.length} messages, all as they must be`, colour)
    : paint("red", `${rows.length} messages, ${wrong} not as they must be`, colour);
}

function paint(hue: "green" | "red", text: string, colour: boolean): string {
  return colour ? styleText(hue, text, { validateStream: false }) : text;
}

/** A reason may quote what a stranger's server said: it must not steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll(/\p{C}/gu, "?");
}

/** Lines of at most `width` characters, broken at blanks where there are any. At least one line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((whole) => pieces(whole, width))) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= width) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

/** A word that is too long is cut behind a dot, hyphen or underscore where it has one. */
function pieces(word: string, width: number): string[] {
  if (word.length <= width) return [word];
  const joint = /^.*[._-]/.exec(word.slice(0, width))?.[0].length ?? width;
  return [word.slice(0, joint), ...pieces(word.slice(joint), width)];
}
