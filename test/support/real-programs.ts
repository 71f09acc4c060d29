/**
 * Programs of others that a test speaks with: where they are, and what a test
 * does without them. `scripts/lib/test-programs.sh` brings them.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";

/** Servers that cannot be installed are unpacked below this directory, each in one of its own name. */
const SERVER_CACHE = "/var/cache/sts-relay-test-servers";

/** Outside root's PATH on some systems. */
const SYSTEM_DIRECTORIES = ["/usr/sbin", "/sbin"];

function findProgram(name: string): string | undefined {
  const directories = [
    ...(process.env["PATH"] ?? "").split(delimiter),
    ...SYSTEM_DIRECTORIES,
    join(SERVER_CACHE, name, "usr", "sbin"),
    join(SERVER_CACHE, name, "usr", "bin"),
  ];
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

/** Its path. Throws when it is not on this machine. */
export function programPath(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`not installed: ${name}`);
  return path;
}

export function missingPrograms(names: string[]): string[] {
  return names.filter((name) => findProgram(name) === undefined);
}

/** Skips the test, with the reason, when something is missing. In CI all is to be there, and the test fails. */
export function skipWithout(t: TestContext, missing: string[]): boolean {
  if (missing.length === 0) return false;
  const reason = `not installed: ${missing.join(", ")}`;
  assert.notEqual(process.env["CI"], "true", reason);
  t.skip(reason);
  return true;
}

/** A mail server changes its user, which only root can. */
export function skipWithoutRoot(t: TestContext): boolean {
  if (process.getuid?.() === 0) return false;
  t.skip("needs root");
  return true;
}

const LONGEST_RUN_MS = 30_000;

/** Runs it to its end, with nothing to read. Rejects, with what it wrote, when it fails. */
export async function runProgram(
  file: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<{ stdout: string; stderr: string }> {
  const running = promisify(execFile)(file, args, { timeout: LONGEST_RUN_MS, env: { ...process.env, ...env } });
  running.child.stdin?.end();
  return running.catch((error: Error & { stdout?: string; stderr?: string }) => {
    throw new Error(`${error.message}\n${error.stdout ?? ""}${error.stderr ?? ""}`, { cause: error });
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
