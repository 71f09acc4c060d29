/**
 * Slows the guessing of passwords, over all processes. RFC 4954 section 9.
 *
 * A failure counts against the client's address and against the name that was
 * tried. One address with too many is answered 454 until its time is over. A name
 * is never refused, whatever happens to it: it only becomes slow, for failures
 * from many addresses are the work of others than its user.
 */
import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { Limiter } from "../store/limiter.ts";
import { clientKey } from "./limits.ts";
import type { LoginAnswer } from "./login.ts";

export type GuardedAnswer = LoginAnswer | "gone" | { lockedForMs: number };

export type LoginGuard = {
  /**
   * Runs `check` when its turn has come. What it counted is taken back unless the
   * answer is "wrong"; also for a client that goes away while it waits it stays.
   */
  attempt(
    who: { address: string; name: string },
    check: () => Promise<LoginAnswer>,
    signal: AbortSignal,
  ): Promise<GuardedAnswer>;
};

export function createLoginGuard(counts: { byClient: Limiter; byName: Limiter }): LoginGuard {
  return {
    attempt: async ({ address, name }, check, signal) => {
      const client = clientKey(address);
      // Counted before it is known to be wrong: a hundred guesses at once must not all be the first.
      const ofClient = await counts.byClient.take(client);
      if (!ofClient.allowed) return { lockedForMs: ofClient.resetMs };
      const hashed = hashOf(name);
      const ofName = await counts.byName.take(hashed);
      const delayMs = Math.max(clientDelayMs(ofClient.used - 1), nameDelayMs(ofName.used - 1));
      // Before the check: a delay of wrong answers alone would tell a wrong answer by its delay.
      if (delayMs > 0) await wait(delayMs, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return "gone";
      const answer = await check();
      if (answer !== "wrong") await Promise.all([counts.byClient.giveBack(client), counts.byName.giveBack(hashed)]);
      return answer;
    },
  };
}

/** People mistype; programs with an old password try again at once. */
export const clientDelayMs = (failures: number): number => doubling(failures - 3, 250, 10_000);

/** Shorter, and later: its user may be the one who waits. */
export const nameDelayMs = (failures: number): number => doubling(failures - 10, 250, 4_000);

function doubling(step: number, firstMs: number, mostMs: number): number {
  return step <= 0 ? 0 : Math.min(mostMs, firstMs * 2 ** (step - 1));
}

/** A stranger chooses the name: as a key it has a fixed length, and is not kept in clear. It may be somebody's password. */
const hashOf = (name: string) => createHash("sha256").update(name).digest("base64url").slice(0, 22);
