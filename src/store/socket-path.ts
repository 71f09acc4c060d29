/** Where the embedded server's socket lies. */
import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";

/** The system keeps 108 bytes for the path of a socket, macOS 104, with the closing NUL. */
const mostBytes = 103;

/**
 * `redis.sock` in the data directory; or, when that path is too long for a
 * socket, in a directory under `tmp` whose name follows from the data
 * directory's, so that it is found again.
 */
export function socketPathFor(dir: string, tmp: string): string {
  const usual = join(dir, "redis.sock");
  if (Buffer.byteLength(usual) <= mostBytes) return usual;
  const name = createHash("sha256").update(dir).digest("hex").slice(0, 16);
  const short = join(tmp, `sts-relay-${name}`, "redis.sock");
  if (Buffer.byteLength(short) <= mostBytes) return short;
  throw new Error(`${usual} and ${short} are both too long for a socket: choose a shorter redis.dir`);
}

/**
 * Makes a directory that only we can enter, or checks that it is one: whoever
 * could enter could read and write all mail. Under /tmp another user may have
 * put a directory or a link there before us.
 */
export function makePrivateDirectory(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const found = lstatSync(dir);
  if (!found.isDirectory()) throw new Error(`${dir} is not a directory`);
  const isOurs = process.getuid === undefined || found.uid === process.getuid();
  if (!isOurs) throw new Error(`${dir} belongs to another user: choose a directory below it, to be made by the relay`);
  if ((found.mode & 0o777) !== 0o700) chmodSync(dir, 0o700);
}
