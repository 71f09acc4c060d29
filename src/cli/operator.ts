/** Who types the command, for the log and the history: `anna@mail1`. */
import { hostname, userInfo } from "node:os";

export const operator = (): string => `${userName()}@${hostname()}`;

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that no name belongs to.
    return String(process.getuid?.() ?? "somebody");
  }
}
