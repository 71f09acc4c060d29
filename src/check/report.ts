/**
 * The result of a check as text for a terminal. Text in, text out.
 */
import { styleText } from "node:util";
import { type Finding, SECTIONS, type Section, type Severity } from "./finding.ts";
import type { CheckResult } from "./result.ts";
import type { Fate } from "./route-findings.ts";
import { paragraph } from "./paragraph.ts";

export type ReportOptions = {
  /** Columns of the terminal. More than 80 are left empty: long lines are hard to read. */
  width: number;
  colour: boolean;
};

const TITLES: Record<Section, string> = {
  route: "Where mail goes",
  record: "Record",
  policy: "Policy",
  hosts: "Mail hosts",
  reports: "TLS reports",
  relay: "This relay",
};

const MARKS: Record<Severity, { mark: string; hue: "green" | "gray" | "yellow" | "red" }> = {
  ok: { mark: "✓", hue: "green" },
  info: { mark: "·", hue: "gray" },
  warning: { mark: "!", hue: "yellow" },
  error: { mark: "✗", hue: "red" },
};

const MOST_WIDTH = 80;
const LEAST_WIDTH = 40;

export function renderReport(result: CheckResult, options: ReportOptions): string {
  const width = Math.min(Math.max(options.width, LEAST_WIDTH), MOST_WIDTH);
  const { domain, severity, findings, fate } = result;
  const head = `${markOf(severity === "info" ? "ok" : severity, options)} ${options.colour ? paint("bold", domain) : domain}: ${summary(findings)}`;
  const now = fate === undefined ? [] : ["", ...paragraph(fateWords(fate), { first: "  ", rest: "  ", width })];
  const sections = SECTIONS.flatMap((section) => renderSection(section, findings, { ...options, width }));
  return [head, ...now, ...sections].map((line) => `${line}\n`).join("");
}

function renderSection(section: Section, findings: Finding[], options: ReportOptions): string[] {
  const inIt = findings.filter((finding) => finding.section === section);
  if (inIt.length === 0) return [];
  const title = options.colour ? paint("bold", TITLES[section]) : TITLES[section];
  return ["", `  ${title}`, ...inIt.flatMap((finding) => renderFinding(finding, options))];
}

function renderFinding({ severity, says, todo }: Finding, options: ReportOptions): string[] {
  const { width } = options;
  // Marks are coloured afterwards: colours have no width.
  const [first = "", ...more] = paragraph(says, { first: "    ", rest: "    ", width });
  const advice = todo === undefined ? [] : paragraph(todo, { first: "      → ", rest: "        ", width });
  return [`  ${markOf(severity, options)} ${first.trimStart()}`, ...more, ...advice];
}

function markOf(severity: Severity, { colour }: ReportOptions): string {
  const { mark, hue } = MARKS[severity];
  return colour ? paint(hue, mark) : mark;
}

const paint = (hue: Parameters<typeof styleText>[0], text: string) => styleText(hue, text, { validateStream: false });

function summary(findings: Finding[]): string {
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length;
  const counts = [numbered(count("error"), "error"), numbered(count("warning"), "warning")].filter(
    (text) => text !== "",
  );
  return counts.length === 0 ? "nothing wrong" : counts.join(", ");
}

const numbered = (count: number, word: string) => (count === 0 ? "" : `${count} ${word}${count === 1 ? "" : "s"}`);

function fateWords(fate: Fate): string {
  switch (fate.kind) {
    case "sent": {
      const how = fate.tls === "in the clear" ? "in the clear" : `by ${fate.tls}`;
      const violation = fate.violation === undefined ? "" : `, and a violation would be logged: ${fate.violation}`;
      return `A message now would go to ${fate.host} at ${fate.address} ${how}${violation}.`;
    }
    case "waits":
      return `A message now would wait: ${fate.why}.`;
    case "bounces":
      return `A message now would go back to its sender: ${fate.why}.`;
  }
}
