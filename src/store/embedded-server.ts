/**
 * A Redis server of the relay's own, for when no Redis is configured: started
 * on a unix socket in the data directory, watched, started again when it ends,
 * and stopped last. It is an ordinary Redis: `redis-cli -s DIR/redis.sock`.
 *
 * It outlives a relay that was killed. The next relay on the directory stops
 * it (on SIGTERM it writes everything to disk) and starts its own: there are
 * never two on one directory.
 */
import { mkdirSync, realpathSync } from "node:fs";
import { totalmem, tmpdir } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lockDirectory } from "./directory-lock.ts";
import { stopOrphan } from "./orphan-server.ts";
import { defaultMaxMemory, findServer, serverFlags } from "./server-binary.ts";
import { spawnServer, type ServerProcess } from "./server-process.ts";
import { makePrivateDirectory, socketPathFor } from "./socket-path.ts";

export type EmbeddedServerEvent = {
  kind: "exited" | "restarted" | "output";
  /** In plain words; of `output`, the line that the server wrote. */
  detail: string;
  pid?: number;
};

export type EmbeddedServerOptions = {
  /** The data directory: made if missing, with mode 0700. */
  dir: string;
  /** What the data may take. Default: half of the memory there is, at most 4 GiB. */
  maxMemoryBytes?: number | undefined;
  onEvent: (event: EmbeddedServerEvent) => void;
  /** How long reading the data may take at the start. Default: 300,000. */
  loadLimitMs?: number;
  /** How long it may take to stop before it is killed. Default: 15,000. */
  stopLimitMs?: number;
};

export type EmbeddedServer = {
  socketPath: string;
  /** Of the server that runs now: another after a restart. */
  readonly pid: number;
  /** Resolves when the server has ended, and the directory is free. */
  stop(): Promise<void>;
};

/**
 * Resolves when the server answers. Throws an `Error` with words for an
 * operator: no server installed, directory in use, data that cannot be read.
 */
export async function startEmbeddedRedis(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const binary = await findServer(process.env["PATH"]);
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  const dir = realpathSync(options.dir);
  makePrivateDirectory(dir);
  const socketPath = socketPathFor(dir, tmpdir());
  if (dirname(socketPath) !== dir) makePrivateDirectory(dirname(socketPath));
  const maxMemoryBytes = options.maxMemoryBytes ?? defaultMaxMemory(totalmem(), process.constrainedMemory());
  const flags = serverFlags({ version: binary.version, dir, socketPath, maxMemoryBytes });
  const stopLimitMs = options.stopLimitMs ?? 15_000;

  const lock = lockDirectory(dir);
  try {
    await stopOrphan({ dir, socketPath, limitMs: stopLimitMs, onEvent: options.onEvent });
    const spawn = () =>
      spawnServer({ path: binary.path, flags, dir, socketPath }, (line) =>
        options.onEvent({ kind: "output", detail: line }),
      );
    const loadLimitMs = options.loadLimitMs ?? 300_000;
    const first = spawn();
    await readyOrStopped(first, loadLimitMs, stopLimitMs);
    const supervisor = supervise(first, { spawn, loadLimitMs, stopLimitMs, onEvent: options.onEvent });
    return {
      socketPath,
      get pid() {
        return supervisor.pid();
      },
      stop: async () => {
        await supervisor.stop();
        lock.release();
      },
    };
  } catch (err) {
    lock.release();
    throw err;
  }
}

type Care = {
  spawn: () => ServerProcess;
  loadLimitMs: number;
  stopLimitMs: number;
  onEvent: EmbeddedServerOptions["onEvent"];
};

/** Starts the server anew whenever it ends, until told to stop. */
function supervise(first: ServerProcess, care: Care) {
  const stopping = new AbortController();
  let server = first;

  const watch = async () => {
    while (true) {
      const how = await server.ended;
      if (stopping.signal.aborted) return;
      care.onEvent({ kind: "exited", pid: server.pid, detail: `the embedded Redis ended: ${how}` });
      await startAnew();
      if (stopping.signal.aborted) return;
      care.onEvent({ kind: "restarted", pid: server.pid, detail: "the embedded Redis runs again" });
    }
  };

  /** Tries until one answers, more slowly each time: a full disk is not mended by haste. */
  const startAnew = async () => {
    for (let tries = 0; !stopping.signal.aborted; tries++) {
      if (tries > 0) await sleep(Math.min(100 * 2 ** tries, 5_000), undefined, { signal: stopping.signal }).catch(noop);
      if (stopping.signal.aborted) return;
      try {
        server = care.spawn();
        await readyOrStopped(server, care.loadLimitMs, care.stopLimitMs, stopping.signal);
        return;
      } catch (err) {
        const detail = err instanceof Error ? err.message : String(err);
        if (!stopping.signal.aborted) care.onEvent({ kind: "exited", detail });
      }
    }
  };

  const watching = watch();
  return {
    pid: () => server.pid,
    stop: async () => {
      stopping.abort();
      await server.stop(care.stopLimitMs);
      await watching;
      // One that was being started at that moment.
      await server.stop(care.stopLimitMs);
    },
  };
}

/** A server that does not get ready is not left behind. */
async function readyOrStopped(server: ServerProcess, loadLimitMs: number, stopLimitMs: number, signal?: AbortSignal) {
  try {
    await server.ready(loadLimitMs, signal);
  } catch (err) {
    await server.stop(stopLimitMs);
    throw err;
  }
}

function noop(): void {}
