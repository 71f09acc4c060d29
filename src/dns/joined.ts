/**
 * One run for all who want the same thing at the same time.
 */

export type Join<T> = (
  key: string,
  start: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal | undefined,
) => Promise<T | undefined>;

/**
 * Starts a run, or joins the one under way for the same key. `undefined`: this
 * caller's signal fired. The run goes on for the others and is aborted only when
 * the last of them has left.
 */
export function createJoin<T>(): Join<T> {
  const running = new Map<string, { result: Promise<T>; stop: AbortController; waiting: number }>();

  const begin = (key: string, start: (signal: AbortSignal) => Promise<T>) => {
    const stop = new AbortController();
    const result = start(stop.signal).finally(() => {
      if (running.get(key) === run) running.delete(key);
    });
    const run = { result, stop, waiting: 0 };
    running.set(key, run);
    return run;
  };

  return async (key, start, signal) => {
    if (signal?.aborted) return undefined;
    const run = running.get(key) ?? begin(key, start);
    run.waiting += 1;
    try {
      return await orAborted(run.result, signal);
    } finally {
      run.waiting -= 1;
      if (run.waiting === 0) {
        run.stop.abort();
        if (running.get(key) === run) running.delete(key);
      }
    }
  };
}

async function orAborted<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (signal === undefined) return result;
  let leave = () => {};
  const aborted = new Promise<undefined>((resolve) => {
    leave = () => resolve(undefined);
    signal.addEventListener("abort", leave, { once: true });
  });
  try {
    return await Promise.race([result, aborted]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
