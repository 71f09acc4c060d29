/**
 * How a running command is told to stop: SIGTERM or SIGINT once, to end in
 * good order; a second one, to end at once.
 */
import { constants } from "node:os";

export type StopSignal = "SIGTERM" | "SIGINT";

const STOP_SIGNALS: StopSignal[] = ["SIGTERM", "SIGINT"];

export type StopSignals = {
  /** Resolves with the first signal. */
  first: Promise<StopSignal>;
  [Symbol.dispose](): void;
};

export function watchStopSignals(): StopSignals {
  const { promise, resolve } = Promise.withResolvers<StopSignal>();
  let count = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    count += 1;
    if (count > 1) process.exit(128 + constants.signals[signal]);
    resolve(signal as StopSignal);
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  return {
    first: promise,
    [Symbol.dispose]: () => {
      for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
    },
  };
}
