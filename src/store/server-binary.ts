/** Which server program there is, which version, and how it is started so that it keeps mail. Redis and Valkey alike. */
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

export type ServerBinary = { path: string; version: string };

/** Throws an `Error` that says how to install one, or what is wrong with the one found. */
export async function findServer(searchPath: string | undefined): Promise<ServerBinary> {
  for (const name of ["redis-server", "valkey-server"]) {
    for (const dir of (searchPath ?? "").split(delimiter).filter((dir) => dir !== "")) {
      const path = join(dir, name);
      if (isExecutable(path)) return { path, version: await versionOf(path) };
    }
  }
  throw new Error(
    [
      "There is no redis-server or valkey-server in PATH, and no redis.url is set. Install one:",
      "  Debian, Ubuntu:  apt-get install redis-server",
      "  Alpine:          apk add redis",
      "  Fedora, RHEL:    dnf install valkey",
      "  macOS:           brew install redis",
      "or set redis.url (or REDIS_URL) to a Redis that runs elsewhere.",
    ].join("\n"),
  );
}

/** Reads `Redis server v=7.0.15 sha=…` and `Valkey server v=8.0.1 …`. */
export function parseVersion(output: string): string | undefined {
  return /\bserver v=(\d+\.\d+\.\d+)/.exec(output)?.[1];
}

export type ServerSetup = { version: string; dir: string; socketPath: string; maxMemoryBytes: number };

/** The command line: reachable over the socket only, on disk before every reply, and full rather than forgetful. */
export function serverFlags({ version, dir, socketPath, maxMemoryBytes }: ServerSetup): string[] {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 6 || (major === 6 && minor < 2)) {
    throw new Error(`the Redis server found is version ${version}; the relay needs 6.2 or later`);
  }
  return [
    ["--port", "0"],
    ["--unixsocket", socketPath],
    ["--unixsocketperm", "700"],
    ["--dir", dir],
    ["--daemonize", "no"],
    ["--loglevel", "warning"],
    // No reply before the write is on disk. The fsync is shared by all clients that wait.
    ["--appendonly", "yes"],
    ["--appendfsync", "always"],
    ["--no-appendfsync-on-rewrite", "no"],
    ["--save", ""],
    // Bodies pass through the file, which so grows at the rate of the mail while the
    // data stay small: by the default of 64 MB it would be rewritten every few seconds.
    ["--auto-aof-rewrite-min-size", "256mb"],
    ["--auto-aof-rewrite-percentage", "100"],
    // A job is a hash of a few hundred bytes, and takes half as much in this form. Redis' own bound is 64.
    ["--hash-max-ziplist-value", "2048"],
    // Refuses writes before the system kills it, and never throws a key away.
    ["--maxmemory", String(maxMemoryBytes)],
    ["--maxmemory-policy", "noeviction"],
    ["--protected-mode", "yes"],
    ...(major >= 7
      ? [
          ["--enable-debug-command", "no"],
          ["--shutdown-timeout", "10"],
        ]
      : []),
  ].flat();
}

/** Half of what there is: rewriting the file forks, and in the worst case the copy takes as much again. At most 4 GiB. */
export function defaultMaxMemory(totalBytes: number, constrainedBytes: number): number {
  // Without a limit the system names a number far beyond the memory there is, or 0.
  const available = constrainedBytes > 0 && constrainedBytes < totalBytes ? constrainedBytes : totalBytes;
  return Math.min(Math.floor(available / 2), 4 * 1024 ** 3);
}

async function versionOf(path: string): Promise<string> {
  const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: 10_000 });
  const version = parseVersion(stdout);
  if (version === undefined) throw new Error(`${path} --version says: ${stdout.trim().slice(0, 200)}`);
  return version;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
