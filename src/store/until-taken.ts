/**
 * For what must be written down, come what may: that a host has the message. A
 * Redis that refuses now (its memory or disk is full, it has lost its scripts, it
 * has just become a replica) takes it later, and to give up would be to send the
 * message again. A lost connection is another matter: the client itself waits
 * for it and sends again.
 */
import { setTimeout as sleep } from "node:timers/promises";

const LONGEST_PAUSE_MS = 1_000;

/** Tries `write` again for as long as Redis refuses it, and `mayGoOn`. Rejects with whatever else goes wrong. */
export async function untilTaken<T>(write: () => Promise<T>, mayGoOn: () => boolean): Promise<T> {
  for (let pauseMs = 20; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await write();
    } catch (err) {
      if (!isRefusal(err) || !mayGoOn()) throw err;
    }
    await sleep(pauseMs);
  }
}

/** An error that Redis itself answered with: `OOM …`, `NOSCRIPT …`, `MISCONF …`, `READONLY …`. */
function isRefusal(err: unknown): boolean {
  return (
    err instanceof Error &&
    /^(OOM|NOSCRIPT|MISCONF|READONLY|LOADING|BUSY|TRYAGAIN|CLUSTERDOWN|MASTERDOWN) /.test(err.message)
  );
}
