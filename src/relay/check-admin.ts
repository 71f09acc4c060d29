/** What is wrong with the settings of the admin port, beyond single ones. */
import { isLoopback } from "../admin/loopback.ts";
import type { Config } from "../config/config.ts";
import type { Problem, SettingPath } from "../config/problem.ts";
import { passwordHashProblem } from "../submission/password-hash.ts";

/** Shorter ones can be guessed. */
const SHORTEST_TOKEN = 16;

export function adminProblems({ admin }: Config): Problem[] {
  if (!admin.enabled) return [];
  const problems = userProblems(admin.users);
  if (admin.token !== undefined && admin.token.length < SHORTEST_TOKEN) {
    problems.push(error(["token"], "it is too short", `expected ${SHORTEST_TOKEN} characters or more`));
  }
  if (!isLoopback(admin.host) && admin.token === undefined && admin.users.length === 0) {
    const what = `${admin.host} can be reached from other machines, and nobody would have to log in`;
    problems.push(error(["host"], what, "set admin.token or admin.users, or listen on 127.0.0.1"));
  }
  return problems;
}

function userProblems(users: Config["admin"]["users"]): Problem[] {
  const names = new Set<string>();
  return users.flatMap(({ name, passwordHash }, index) => {
    const problems: Problem[] = [];
    const path = ["users", index];
    if (names.has(name)) {
      problems.push(error([...path, "name"], "a user has this name already", "expected each name once"));
    }
    names.add(name);
    const wrong = passwordHashProblem(passwordHash);
    if (wrong !== undefined) {
      problems.push(error([...path, "passwordHash"], wrong, "expected the output of `sts-relay hash-password`"));
    }
    return problems;
  });
}

const error = (path: SettingPath, what: string, right: string): Problem => ({
  severity: "error",
  path: ["admin", ...path],
  what,
  right,
});
