/**
 * What the mail servers of others have in common for a test: where they listen,
 * what they have for whom, and what their log says of each session.
 */
import { access, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Issued } from "../../src/lab/authority.ts";
import { missingPrograms, skipWithout, skipWithoutRoot } from "./real-programs.ts";

export type RealServerOptions = {
  /** An empty directory that other users can look into. */
  dir: string;
  address: string;
  port: number;
  hostname: string;
  domain: string;
  /** Local parts that have a mailbox; all others are answered 550. */
  users: string[];
  certificate: Issued;
};

export type RealServer = AsyncDisposable & {
  /** The sessions that have ended, in order. */
  sessions: () => Promise<EndedSession[]>;
  /** What a user has, as it is on disk: with LF, below header fields of the server's own. */
  mailbox: (user: string) => Promise<Buffer[]>;
  log: () => Promise<string>;
};

/** By the server's own account. */
export type EndedSession = {
  /** A handshake was completed. */
  tls: boolean;
  /** MAIL commands, and how many messages were taken. */
  mails: number;
  messages: number;
};

export type RealServerKind = {
  name: string;
  programs: string[];
  start(options: RealServerOptions): Promise<RealServer>;
};

/** Skips the test where this server cannot be started. */
export function skipWithoutServer(t: TestContext, { programs }: RealServerKind): boolean {
  return skipWithoutRoot(t) || skipWithout(t, missingPrograms(programs));
}

const LOOK_EVERY_MS = 20;
const LONGEST_WAIT_MS = 20_000;

/** Looks until there is something, and gives it. Rejects, with what `tell` knows, when it takes too long. */
export async function until<T>(what: string, look: () => Promise<T | undefined>, tell: () => Promise<string>) {
  for (const end = Date.now() + LONGEST_WAIT_MS; Date.now() < end; await delay(LOOK_EVERY_MS)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`${what}: not within ${LONGEST_WAIT_MS} ms\n${await tell()}`);
}

export async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The messages of a maildir, oldest first. Empty while there is no such directory. */
export async function readMaildir(path: string): Promise<Buffer[]> {
  const arrived = join(path, "new");
  const names = (await isThere(arrived)) ? await readdir(arrived) : [];
  return Promise.all(names.sort().map((name) => readFile(join(arrived, name))));
}

export async function readIfThere(path: string): Promise<string> {
  return (await isThere(path)) ? readFile(path, "utf8") : "";
}

/** The server reads both as root, before it changes its user. */
export async function writeCertificate(dir: string, { certPem, keyPem }: Issued) {
  const files = { certFile: join(dir, "cert.pem"), keyFile: join(dir, "key.pem") };
  await Promise.all([writeFile(files.certFile, certPem), writeFile(files.keyFile, keyPem, { mode: 0o600 })]);
  return files;
}
