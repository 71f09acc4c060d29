/**
 * Who may deliver now. A slow or dead destination must not hold up the others,
 * so a worker's slot is never spent on waiting: a delivery whose destination is
 * busy is parked and woken when its turn comes, one whose destination is closed
 * goes to its next time untried. The rules are in `destination.ts`.
 */
import type { Domain } from "../dns/answer.ts";
import { admit, after, type Destination, type DestinationRules, type Ending, newDestination } from "./destination.ts";

export type Turn =
  /** Begin; `leave` when it is over, whatever became of it. */
  | { kind: "go"; leave(): void }
  /**
   * Not now: it is tried again at `until` (epoch milliseconds), or earlier when a
   * turn becomes free, if it `waits` for one. `parked` is called when all that is
   * written down. One that goes `behind` new mail from now on waits for a
   * destination that has not shown that it answers.
   */
  | { kind: "park"; until: number; waits: boolean; behind: boolean; parked: () => void }
  | { kind: "closed"; until: number; because: string };

export type Closing = { until: number; because: string; closings: number };

export type FairnessParts = {
  rules: DestinationRules;
  /** Worker slots. At most half of them go to destinations that have not yet shown that they answer. */
  slots: number;
  /** What is set for this destination alone. */
  limitsOf: (destination: string) => { maxSessions?: number; perMinute?: number };
  /** Closings that all processes know of. */
  shared: {
    closing(destination: string): Closing | undefined;
    close(destination: string, closing: Closing): void;
    open(destination: string): void;
  };
  /** Makes up to `count` parked deliveries due; gives how many there were. */
  wake: (destination: string, count: number) => Promise<number>;
  /** Once for each change. */
  onChange: (change: { kind: "closed" | "opened"; destination: string; detail: string; until?: number }) => void;
  now: () => number;
};

export type TurnOptions = {
  /** The last attempt of a message: it is made whatever is known of the destination. */
  insists: boolean;
  /** It may have been parked, here or in another process. */
  mayBeWoken: boolean;
  signal: AbortSignal;
};

export type Fairness = {
  turn(destination: Domain, options: TurnOptions): Promise<Turn>;
  /** How a delivery ended that had its turn. Before it leaves. */
  ended(destination: Domain, ending: Ending, facts: { tookMs: number; detail: string }): void;
};

/** Woken earlier as a rule; this is for when the process that should do it has died. */
const PARKED_AT_MOST_MS = 20_000;
/** The longer the line, the later each of them looks for itself: thousands that come back every few seconds are in the way. */
const LATER_FOR_EACH_MS = 10;
const PARKED_LONGEST_MS = 5 * 60_000;
/** For one that waits until other destinations have answered. */
const PAUSE_MS = 250;
const FORGET_AFTER_MS = 10 * 60_000;
const MOST_REMEMBERED = 50_000;

type Entry = {
  state: Destination;
  /** Waiting in a slot, the first one next. */
  line: (() => void)[];
  /** Some may be parked. */
  mayHaveParked: boolean;
  /** About how many are parked. */
  parked: number;
  seenAt: number;
  /** When the next delivery may begin, where a rate is set. */
  nextAt: number;
};

export function createFairness(parts: FairnessParts): Fairness {
  const { now } = parts;
  const entries = new Map<string, Entry>();
  /** Deliveries under way to destinations that have not answered yet. */
  let unproven = 0;

  const rulesFor = (destination: string): DestinationRules => {
    const { maxSessions } = parts.limitsOf(destination);
    return maxSessions === undefined ? parts.rules : { ...parts.rules, mostSessions: maxSessions };
  };

  const entryOf = (destination: string): Entry => {
    const known = entries.get(destination) ?? {
      state: newDestination(rulesFor(destination)),
      line: [],
      mayHaveParked: true,
      parked: 0,
      seenAt: 0,
      nextAt: 0,
    };
    known.seenAt = now();
    entries.set(destination, known);
    if (entries.size > MOST_REMEMBERED) forgetIdle(entries, now());
    return known;
  };

  const begin = (destination: string, entry: Entry): Turn => {
    entry.state = { ...entry.state, active: entry.state.active + 1 };
    const isUnproven = entry.state.typicalMs === undefined;
    if (isUnproven) unproven += 1;
    let left = false;
    return {
      kind: "go",
      leave() {
        if (left) return;
        left = true;
        if (isUnproven) unproven -= 1;
        entry.state = { ...entry.state, active: entry.state.active - 1 };
        next(destination, entry);
      },
    };
  };

  /** Turns that have become free go to the line first, then to those that are parked. */
  const next = (destination: string, entry: Entry) => {
    const rules = rulesFor(destination);
    while (entry.line.length > 0 && admit(entry.state, 0, now(), rules).kind === "go") entry.line.shift()?.();
    const free = freeTurns(entry, now());
    if (!entry.mayHaveParked || free <= 0) return;
    entry.mayHaveParked = false;
    void parts.wake(destination, free).then(
      (woken) => {
        if (woken > 0) entry.mayHaveParked = true;
        entry.parked = woken === 0 ? 0 : Math.max(0, entry.parked - woken);
      },
      // They come by themselves when their time is over.
      () => undefined,
    );
  };

  return {
    async turn(destination, { insists, mayBeWoken, signal }) {
      const entry = entryOf(destination);
      // The process that woke it may have none left under way: who takes the woken wakes the next.
      if (mayBeWoken) entry.mayHaveParked = true;
      takeOver(entry, parts.shared.closing(destination), now());
      const { perMinute } = parts.limitsOf(destination);
      if (perMinute !== undefined && entry.nextAt > now()) {
        // Behind those that came before it: each has its place in time.
        entry.nextAt += 60_000 / perMinute;
        return { ...LATER, until: entry.nextAt - 60_000 / perMinute };
      }
      const unprovenFull = entry.state.typicalMs === undefined && unproven >= Math.max(1, parts.slots / 2);
      const admission = admit(entry.state, entry.line.length, now(), rulesFor(destination));
      if (unprovenFull && admission.kind === "go") {
        return { ...LATER, until: now() + PAUSE_MS };
      }
      const granted = admission.kind === "closed" && insists ? { kind: "go" as const } : admission;
      if (perMinute !== undefined && granted.kind === "go") entry.nextAt = now() + 60_000 / perMinute;
      switch (granted.kind) {
        case "go":
          return begin(destination, entry);
        case "closed":
          return granted;
        case "wait": {
          const turn = await placeInLine(entry, () => begin(destination, entry), 4 * parts.rules.patienceMs, signal);
          if (turn !== undefined) return turn;
          break;
        }
        case "park":
          break;
      }
      const parked = () => {
        entry.mayHaveParked = true;
        entry.parked += 1;
        next(destination, entry);
      };
      const lookMs = Math.min(PARKED_AT_MOST_MS + entry.parked * LATER_FOR_EACH_MS, PARKED_LONGEST_MS);
      // New mail stays new while its destination is only busy.
      const behind = entry.state.typicalMs === undefined || entry.state.closings > 0;
      return { kind: "park", until: now() + lookMs, waits: true, behind, parked };
    },

    ended(destination, ending, { tookMs, detail }) {
      const entry = entryOf(destination);
      const before = entry.state;
      entry.state = after(before, ending, { tookMs, now: now(), detail }, rulesFor(destination));
      const { closedUntil, closedBecause, closings } = entry.state;
      if (closedUntil > before.closedUntil) {
        parts.shared.close(destination, { until: closedUntil, because: closedBecause, closings });
        parts.onChange({ kind: "closed", destination, detail: closedBecause, until: closedUntil });
      } else if (before.closings > 0 && closings === 0) {
        parts.shared.open(destination);
        parts.onChange({ kind: "opened", destination, detail: "it answers again" });
      }
    },
  };
}

/** Another process has closed it, or has found it open again. */
function takeOver(entry: Entry, closing: Closing | undefined, now: number): void {
  const { state } = entry;
  if (closing !== undefined && closing.until > state.closedUntil) {
    const { until, because, closings } = closing;
    entry.state = { ...state, closedUntil: until, closedBecause: because, closings };
  } else if (closing === undefined && state.closings > 0 && now >= state.closedUntil) {
    entry.state = { ...state, closings: 0, closedUntil: 0, failures: 0 };
  }
}

function freeTurns({ state, line }: Entry, now: number): number {
  if (now < state.closedUntil) return 0;
  return (state.closings > 0 ? 1 : state.limit) - state.active - line.length;
}

/** The turn when it has come; `undefined` when it takes too long: the destination has become slow. */
function placeInLine(
  entry: Entry,
  begin: () => Turn,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Turn | undefined> {
  const { promise, resolve } = Promise.withResolvers<Turn | undefined>();
  // Begun by the one who calls, so that the next one in the line sees the turn taken.
  const called = () => settle(begin());
  const gone = () => {
    entry.line = entry.line.filter((other) => other !== called);
    settle(undefined);
  };
  const settle = (turn: Turn | undefined) => {
    clearTimeout(timer);
    signal.removeEventListener("abort", gone);
    resolve(turn);
  };
  const timer = setTimeout(gone, timeoutMs);
  signal.addEventListener("abort", gone, { once: true });
  entry.line.push(called);
  return promise;
}

/** Comes by itself, and nobody wakes it. */
const LATER = { kind: "park", waits: false, behind: false, parked: () => {} } as const;

function forgetIdle(entries: Map<string, Entry>, now: number): void {
  for (const [destination, { state, line, seenAt }] of entries) {
    if (state.active === 0 && line.length === 0 && seenAt < now - FORGET_AFTER_MS) entries.delete(destination);
  }
}
