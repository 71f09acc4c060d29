/**
 * What the receiving side says of a run with kills: is a message lost, and has
 * each second copy a kill that explains it. Values to values.
 */
import type { Copy } from "./sink.ts";
import type { Try } from "./submitter.ts";

export type Kill = {
  at: number;
  victim:
    | "relay"
    | "redis"
    | "relay and redis"
    | "delivery process"
    /** It gave up: its Redis was killed while it started. */
    | "relay, by itself";
};

/** A letter and its tries; it must arrive at each of `to` once its last try is `taken`. */
export type Handed = { number: number; to: string[]; tries: Try[] };

export type Duplicate = {
  recipient: string;
  copies: Copy[];
  /** In plain words. */
  cause: string;
  /** No kill explains it. */
  unexplained: boolean;
};

export type Verdict = {
  accepted: number;
  /** Handed in and never answered 250. Only when the run was broken off. */
  notAccepted: number;
  /** Letters and recipients that should have arrived, and how many did at least once. */
  due: number;
  arrived: number;
  lost: { number: number; recipient: string; queueId: string }[];
  duplicates: Duplicate[];
};

/**
 * @param slack `noteMs`: from the 250 of the receiving host to the relay's note of it, at most.
 * `redisMs`: for how long Redis is away when it was killed, at most.
 */
export function judge(
  handed: Handed[],
  byRecipient: ReadonlyMap<string, Copy[]>,
  kills: Kill[],
  slack: { noteMs: number; redisMs: number },
): Verdict {
  const verdict: Verdict = { accepted: 0, notAccepted: 0, due: 0, arrived: 0, lost: [], duplicates: [] };
  for (const { number, to, tries } of handed) {
    const last = tries.at(-1);
    if (last?.kind === "taken") verdict.accepted += 1;
    else verdict.notAccepted += 1;
    for (const recipient of to) {
      const copies = byRecipient.get(recipient) ?? [];
      if (last?.kind === "taken") {
        verdict.due += 1;
        if (copies.length > 0) verdict.arrived += 1;
        else verdict.lost.push({ number, recipient, queueId: last.queueId });
      }
      if (copies.length > 1) verdict.duplicates.push(explain(recipient, copies, tries, { kills, ...slack }));
    }
  }
  return verdict;
}

type Circumstances = { kills: Kill[]; noteMs: number; redisMs: number };

/**
 * Two ways lead to a second copy. The application had no answer, and handed the
 * message in again: then the copies have different ids. Or the relay was killed
 * after the host had the message, and before that was written down: then they
 * have the same, and the kill lies between the one and the other.
 */
function explain(recipient: string, copies: Copy[], tries: Try[], around: Circumstances): Duplicate {
  const ids = Map.groupBy(copies, (copy) => copy.queueId);
  const causes: string[] = [];
  let unexplained = false;
  if (ids.size > 1) {
    // A refusal counts as well: Redis may have carried out what it had no time to confirm.
    const again = tries.filter(({ kind }) => kind === "unanswered" || kind === "refused").length;
    if (ids.size - 1 > again) unexplained = true;
    causes.push(`handed in again ${again} times, having had no 250`);
  }
  for (const same of ids.values()) {
    const inOrder = same.toSorted((a, b) => a.takenAt - b.takenAt);
    for (const [i, copy] of inOrder.slice(0, -1).entries()) {
      const next = inOrder[i + 1]?.mailAt ?? Infinity;
      const kill = killInFlight(copy, next, around);
      if (kill === undefined) unexplained = true;
      causes.push(kill ?? `sent again ${next - copy.takenAt} ms after its 250, with no kill of the relay in between`);
    }
  }
  return { recipient, copies, cause: causes.join("; "), unexplained };
}

/** In words: the kill that kept the relay from writing down that this copy was taken. */
function killInFlight(copy: Copy, next: number, { kills, noteMs, redisMs }: Circumstances): string | undefined {
  const between = (from: number, to: number) => (kill: Kill) => kill.at >= from && kill.at <= to;
  const away = kills
    .filter(({ victim }) => victim.includes("redis"))
    .findLast(between(copy.mailAt - redisMs, copy.takenAt + noteMs));
  const noteBy = away === undefined ? copy.takenAt + noteMs : Math.max(copy.takenAt, away.at + redisMs) + noteMs;
  // A relay that lives waits for Redis, and writes it down then.
  const kill = kills.filter(({ victim }) => victim !== "redis").find(between(copy.mailAt, Math.min(next, noteBy)));
  if (kill === undefined) return undefined;
  const sinceRedis = away === undefined || away === kill ? "" : ` (Redis was killed ${kill.at - away.at} ms before)`;
  return `in flight at the kill of ${kill.victim}, ${kill.at - copy.takenAt} ms after its 250${sinceRedis}`;
}
