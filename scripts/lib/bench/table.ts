/** Rows of text as a table: for a terminal, or in Markdown. Values to values. */

export type Table = { head: string[]; rows: string[][] };

/** The first column to the left, all others to the right. */
export function plainTable({ head, rows }: Table): string {
  const widths = widthsOf([head, ...rows]);
  const line = (cells: string[]) =>
    widths
      .map((width, index) => (index === 0 ? (cells[index] ?? "").padEnd(width) : (cells[index] ?? "").padStart(width)))
      .join("  ")
      .trimEnd();
  return [head, ...rows].map(line).join("\n");
}

export function markdownTable({ head, rows }: Table): string {
  const escaped = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", String.raw`\|`)));
  const widths = widthsOf(escaped).map((width) => Math.max(3, width));
  const line = (cells: string[]) => `| ${widths.map((width, i) => (cells[i] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  const [first = "", ...others] = escaped.map(line);
  return [first, rule, ...others].join("\n");
}

function widthsOf(rows: string[][]): number[] {
  const columns = Math.max(...rows.map((row) => row.length));
  return Array.from({ length: columns }, (_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
}

/** With the digits that say something: `1234`, `56.7`, `0.83`; `–` for what is not known. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}
