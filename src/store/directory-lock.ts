/**
 * Makes sure that one relay at a time uses a data directory. Two Redis servers
 * on one directory both run and write into one append-only file, and the second
 * takes the socket away from the first: neither notices.
 */
import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identify, isSame, type ProcessIdentity } from "./process-identity.ts";

export type DirectoryLock = { release(): void };

/** Throws an `Error` that names the process which holds the directory. */
export function lockDirectory(dir: string): DirectoryLock {
  const file = join(dir, "relay.lock");
  const ours = JSON.stringify({ ...identify(process.pid), token: randomUUID() });
  // A lock left by a crash is taken away, then made anew: three contenders settle it in three rounds.
  for (let round = 0; round < 3; round++) {
    if (create(file, ours)) return { release: () => release(file, ours) };
    const found = read(file);
    if (found !== undefined && !isLeftBehind(found)) throw inUse(dir, found);
    if (found !== undefined) takeAway(file, found, dir);
  }
  throw new Error(`${dir}: other relays keep starting on this directory`);
}

function create(file: string, content: string): boolean {
  // Written aside and linked into place, so that no one reads it half-written.
  const aside = `${file}.${randomUUID()}`;
  writeFileSync(aside, content, { mode: 0o600 });
  try {
    linkSync(aside, file);
    return true;
  } catch (err) {
    if (isCode(err, "EEXIST")) return false;
    throw err;
  } finally {
    rmSync(aside, { force: true });
  }
}

function takeAway(file: string, expected: string, dir: string): void {
  const aside = `${file}.${randomUUID()}`;
  try {
    renameSync(file, aside);
  } catch (err) {
    if (isCode(err, "ENOENT")) return;
    throw err;
  }
  const taken = readFileSync(aside, "utf8");
  try {
    if (taken === expected) return;
    // Between reading and renaming another relay had put its own there: that one is given back.
    linkSync(aside, file);
    throw inUse(dir, taken);
  } finally {
    rmSync(aside, { force: true });
  }
}

function release(file: string, ours: string): void {
  if (read(file) === ours) rmSync(file, { force: true });
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (err) {
    if (isCode(err, "ENOENT")) return undefined;
    throw err;
  }
}

function isLeftBehind(content: string): boolean {
  const holder = parseIdentity(content);
  return holder === undefined || !isSame(holder);
}

function inUse(dir: string, content: string): Error {
  return new Error(
    `${dir} is in use by process ${parseIdentity(content)?.pid ?? "?"}: stop that relay first, or give this one a directory of its own`,
  );
}

/** `undefined` for anything that is not an identity. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    const { pid, startedAt } = JSON.parse(text) as Partial<ProcessIdentity>;
    return typeof pid === "number" && typeof startedAt === "string" ? { pid, startedAt } : undefined;
  } catch {
    return undefined;
  }
}

function isCode(err: unknown, code: string): boolean {
  return err instanceof Error && "code" in err && err.code === code;
}
