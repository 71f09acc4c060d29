/** The exit code of a check, by the worst that it found. */
import type { Severity } from "../check/finding.ts";
import { EXIT } from "./exit-codes.ts";

export function exitCodeOf(severity: Severity): number {
  switch (severity) {
    case "ok":
    case "info":
      return EXIT.ok;
    case "warning":
      return EXIT.checkWarning;
    case "error":
      return EXIT.checkError;
  }
}
