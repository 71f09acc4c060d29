/** The Redis server of a relay that was killed: found on the directory, and stopped before another is started. */
import { readFileSync, rmSync } from "node:fs";
import { parseIdentity } from "./directory-lock.ts";
import type { EmbeddedServerEvent } from "./embedded-server.ts";
import { hasEnded, isSame } from "./process-identity.ts";
import { identityFile, ping } from "./server-process.ts";

/**
 * Call it with the directory locked: then no living relay owns what is found.
 * Throws an `Error` when a server answers that no relay here has started, such
 * as one in another container on the same volume: it may be in use, and two on
 * one directory destroy the data.
 */
export async function stopOrphan(place: {
  dir: string;
  socketPath: string;
  limitMs: number;
  onEvent: (event: EmbeddedServerEvent) => void;
}): Promise<void> {
  const orphan = readIdentity(identityFile(place.dir));
  if (orphan !== undefined && isSame(orphan)) {
    process.kill(orphan.pid, "SIGTERM");
    if (!(await hasEnded(orphan, place.limitMs))) {
      process.kill(orphan.pid, "SIGKILL");
      await hasEnded(orphan, place.limitMs);
    }
    place.onEvent({
      kind: "exited",
      pid: orphan.pid,
      detail: "the embedded Redis of a relay that was killed has been stopped",
    });
  }
  if ((await ping(place.socketPath)) !== "away") {
    throw new Error(`a Redis server that no relay here has started answers on ${place.socketPath}: stop it first`);
  }
  rmSync(identityFile(place.dir), { force: true });
}

function readIdentity(file: string) {
  try {
    return parseIdentity(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
