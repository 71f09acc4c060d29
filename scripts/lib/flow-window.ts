/**
 * What a stretch of time has done to a steady flow of mail: how much of what
 * was due in it arrived in time, and how late it was. Values to values.
 */

/** One message of the flow. Epoch milliseconds. */
export type Flowed = {
  /** When it was to be handed in: a sender that is itself held up makes nothing look quicker. */
  dueAt: number;
  /** Not there: not delivered yet, or refused. */
  deliveredAt?: number;
};

export type FlowWindow = {
  /** Messages due in the window. */
  due: number;
  /** Of them, how many were delivered by the end of the window and a short tail: 1 is all. */
  share: number;
  /** Delays in milliseconds, from when a message was due; one that never came is as late as can be. */
  p50: number;
  p99: number;
};

/** For mail that was due in the last moment: as long as the slowest of it takes at the best of times. */
export const TAIL_MS = 250;

export function flowWindow(flow: Flowed[], from: number, to: number): FlowWindow {
  const meant = flow.filter(({ dueAt }) => dueAt >= from && dueAt < to);
  const inTime = meant.filter(({ deliveredAt = Infinity }) => deliveredAt <= to + TAIL_MS);
  const delays = meant.map(({ dueAt, deliveredAt = Infinity }) => deliveredAt - dueAt).toSorted((a, b) => a - b);
  const percentile = (part: number) => delays[Math.min(delays.length - 1, Math.floor(delays.length * part))] ?? 0;
  return {
    due: meant.length,
    share: meant.length === 0 ? 1 : inTime.length / meant.length,
    p50: percentile(0.5),
    p99: percentile(0.99),
  };
}

export type Targets = {
  seconds: number;
  /** Of what is delivered in time in a window of the same length in which nothing else is done. */
  share: number;
  p99: number;
  /** Of the longest command of Redis. */
  commandMs: number;
};

export type Measured = { seconds?: number; window: FlowWindow; baseline: FlowWindow; commandMs: number };

/** What was missed, in plain words; empty when all is well. */
export function missed({ seconds = 0, window, baseline, commandMs }: Measured, targets: Targets): string[] {
  const relative = baseline.share === 0 ? 0 : window.share / baseline.share;
  const wrong: [boolean, string][] = [
    [seconds > targets.seconds, `it took ${seconds.toFixed(1)} s, more than ${targets.seconds} s`],
    [
      relative < targets.share,
      `${(relative * 100).toFixed(1)} % of the mail came through in time, less than ${targets.share * 100} %`,
    ],
    [window.p99 > targets.p99, `p99 of the mail was ${window.p99.toFixed(0)} ms, more than ${targets.p99} ms`],
    [
      commandMs > targets.commandMs,
      `a command of Redis took ${commandMs.toFixed(1)} ms, more than ${targets.commandMs} ms`,
    ],
  ];
  return wrong.filter(([isWrong]) => isWrong).map(([, words]) => words);
}
