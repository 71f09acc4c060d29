/** One run of the Redis server: from its start to its end. */
import { spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { identify } from "./process-identity.ts";

export type ServerProcess = {
  pid: number;
  /** Resolves to how it ended, in words. Never rejects. */
  ended: Promise<string>;
  /** Resolves when it answers; rejects when it ends before, or the time is up. */
  ready(limitMs: number, signal?: AbortSignal): Promise<void>;
  /** SIGTERM, on which it writes everything to disk; SIGKILL when that takes too long. Resolves when it has ended. */
  stop(limitMs: number): Promise<void>;
};

/** Who the server is, for the relay that finds it running: see `orphan-server.ts`. */
export const identityFile = (dir: string): string => join(dir, "redis.pid");

export function spawnServer(
  command: { path: string; flags: string[]; dir: string; socketPath: string },
  onLine: (line: string) => void,
): ServerProcess {
  const child = spawn(command.path, command.flags, {
    stdio: ["ignore", "pipe", "pipe"],
    // In a process group of its own: Ctrl-C in the terminal is for the relay, which
    // needs Redis until it has drained.
    detached: true,
  });
  const pid = child.pid ?? 0;
  try {
    if (pid > 0) writeFileSync(identityFile(command.dir), JSON.stringify(identify(pid) ?? {}), { mode: 0o600 });
  } catch (err) {
    // Unrecorded, it could not be told from a stranger's later.
    child.kill("SIGKILL");
    throw err;
  }

  const lastLines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    eachLine(stream, (line) => {
      lastLines.push(line);
      if (lastLines.length > 2) lastLines.shift();
      onLine(line);
    });
  }

  let hasEnded = false;
  // A relay that ends in haste, by a second signal or a fault, leaves none behind. One that is killed does: see `orphan-server.ts`.
  const takeAlong = () => void child.kill("SIGTERM");
  process.once("exit", takeAlong);
  const ended = new Promise<string>((resolve) => {
    const end = (how: string) => {
      hasEnded = true;
      process.off("exit", takeAlong);
      if (pid > 0) rmSync(identityFile(command.dir), { force: true });
      resolve(how);
    };
    child.once("error", (err) => end(`it could not be started: ${err.message}`));
    // "close" comes after its output has been read to the end.
    child.once("close", (code, signal) => {
      const words = lastLines.length === 0 ? "nothing" : lastLines.join(" / ");
      end(signal === null ? `exit code ${code}, saying: ${words}` : `killed by ${signal}`);
    });
  });

  return {
    pid,
    ended,
    ready: async (limitMs, signal) => {
      const until = Date.now() + limitMs;
      for (let pauseMs = 5; (await ping(command.socketPath)) !== "ready"; pauseMs = Math.min(pauseMs * 2, 250)) {
        signal?.throwIfAborted();
        if (hasEnded) throw new Error(`the embedded Redis did not start: ${await ended}`);
        if (Date.now() > until) throw new Error(`the embedded Redis was not ready within ${limitMs / 1_000} s`);
        await Promise.race([sleep(pauseMs), ended]);
      }
    },
    stop: async (limitMs) => {
      if (hasEnded) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Whether a server answers on the socket, and whether it has read its data yet. */
export function ping(socketPath: string, limitMs = 1_000): Promise<"ready" | "busy" | "silent" | "away"> {
  return new Promise((resolve) => {
    const socket = createConnection(socketPath, () => socket.write("PING\r\n"));
    const settle = (answer: "ready" | "busy" | "silent" | "away") => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(limitMs, () => settle("silent"));
    // One short line is expected; whatever its first piece says is enough.
    socket.once("data", (data) => settle(data.toString("latin1").startsWith("+PONG") ? "ready" : "busy"));
    socket.once("error", () => settle("away"));
    socket.once("end", () => settle("away"));
  });
}

/** Without what the log of the relay says anyway, like `4711:M 22 Nov 2026 10:22:33.229 # `. */
function eachLine(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream }).on("line", (line) => {
    const text = line.replace(/^\d+:[A-Z] .{10,30}? [-.*#] /, "").trim();
    if (text !== "") onLine(text.slice(0, 500));
  });
}
