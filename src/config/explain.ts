/**
 * What the schema found wrong, in words for an administrator.
 */
import type * as z from "zod";
import { suggestion } from "./nearest.ts";
import { settingName, type Problem, type SettingPath } from "./problem.ts";
import { schemaAt, settingPaths, shapeOf } from "./schema-walk.ts";

type Issue = z.core.$ZodIssue;

export function explain(root: z.ZodType, issues: Issue[]): Problem[] {
  return issues.flatMap((issue) => explainOne(root, issue, []));
}

function explainOne(root: z.ZodType, issue: Issue, above: SettingPath): Problem[] {
  const path = [...above, ...issue.path.map((step) => (typeof step === "symbol" ? String(step) : step))];
  const problem = (what: string, right: string): Problem => ({ severity: "error", path, what, right });
  switch (issue.code) {
    case "custom":
      return [problem(issue.message, `expected ${String(issue.params?.["form"])}`)];
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(root, path, key));
    case "invalid_type":
      return [
        issue.expected === "array"
          ? problem("it is not a list", "expected a list")
          : problem("it is not a map", `expected ${mapForm(root, path)}`),
      ];
    case "too_small":
      return [problem("the list is empty", "expected at least one entry")];
    case "invalid_union":
      return issue.errors.length === 0 ? [problem(issue.message, "")] : explainUnion(root, issue.errors, path);
    // None of these comes from the kinds of this schema.
    case "too_big":
    case "invalid_format":
    case "not_multiple_of":
    case "invalid_key":
    case "invalid_element":
    case "invalid_value":
      return [problem(issue.message, "")];
  }
}

/** A union here is "a word or a map": where a map was given, what is wrong is wrong inside it. */
function explainUnion(root: z.ZodType, branches: Issue[][], path: SettingPath): Problem[] {
  const [asWord = [], asMap = []] = branches;
  const isMap = !asMap.some((issue) => issue.code === "invalid_type" && issue.path.length === 0);
  if (isMap) return asMap.flatMap((issue) => explainOne(root, issue, path));
  return asWord
    .flatMap((issue) => explainOne(root, issue, path))
    .map((problem) => ({ ...problem, right: `${problem.right}, or ${mapForm(root, path)}` }));
}

function unknownKey(root: z.ZodType, section: SettingPath, key: string): Problem {
  const known = Object.keys(shapeOf(schemaAt(root, section) ?? root) ?? {});
  // The right word in the wrong section is as common a slip as the wrong word.
  const elsewhere = settingPaths(root).find((setting) => setting.path.at(-1) === key);
  const right =
    suggestion(key, known) ||
    (elsewhere && `did you mean "${settingName(elsewhere.path)}"?`) ||
    `known here: ${known.join(", ")}`;
  return { severity: "error", path: [...section, key], what: "there is no such setting", right };
}

function mapForm(root: z.ZodType, path: SettingPath): string {
  const known = Object.keys(shapeOf(schemaAt(root, path) ?? root) ?? {});
  return known.length === 0 ? "a map" : `a map with some of: ${known.join(", ")}`;
}
