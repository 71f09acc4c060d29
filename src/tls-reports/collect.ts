/**
 * Counts sessions for the TLS reports as they end. Nobody waits for it: what
 * was counted lies in memory for a second, then it is written down.
 * RFC 8460 section 4.
 */
import type { DayCount, TlsBooks } from "../tlsrpt/books.ts";
import { dayOf } from "../tlsrpt/day.ts";
import type { PolicyResults } from "../tlsrpt/report.ts";
import { type SessionResult, tidyDetail } from "../tlsrpt/result.ts";

export type TlsCollector = {
  add(result: SessionResult): void;
  /** Writes down what is left. Never rejects. */
  close(): Promise<void>;
};

export type CollectorParts = {
  books: Pick<TlsBooks, "add">;
  /** The store does not take the counts, which then wait in memory: told once until it does again. */
  onFault: (err: unknown) => void;
  /** Default: 1,000. */
  flushEveryMs?: number;
  /** Different things counted at a time; what is new beyond them is not counted. Default: 20,000. */
  most?: number;
};

type Failures = Map<string, PolicyResults["failures"][number]>;
type Counted = { count: DayCount; policies: Map<string, { results: PolicyResults; failures: Failures }> };

export function createTlsCollector(parts: CollectorParts): TlsCollector {
  const { books, flushEveryMs = 1_000, most = 20_000 } = parts;
  let counts = new Map<string, Counted>();
  let size = 0;
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> = Promise.resolve();
  let failing = false;

  /** Bounded: what is there already goes on being counted, whatever the store does. */
  const entry = <T>(map: Map<string, T>, key: string, make: () => T): T | undefined => {
    const known = map.get(key);
    if (known !== undefined || size >= most) return known;
    size += 1;
    const made = make();
    map.set(key, made);
    return made;
  };

  const addTo = ({ day, domain }: DayCount, { policy, successful, failed, failures }: PolicyResults) => {
    const counted = entry(counts, `${day} ${domain}`, () => ({
      count: { day, domain, policies: [] },
      policies: new Map(),
    }));
    const under =
      counted &&
      entry(counted.policies, JSON.stringify(policy), () => {
        const results: PolicyResults = { policy, successful: 0, failed: 0, failures: [] };
        counted.count.policies.push(results);
        return { results, failures: new Map() };
      });
    if (under === undefined) return;
    under.results.successful += successful;
    under.results.failed += failed;
    for (const { detail, count } of failures) {
      const failure = entry(under.failures, JSON.stringify(detail), () => {
        const made = { detail, count: 0 };
        under.results.failures.push(made);
        return made;
      });
      if (failure !== undefined) failure.count += count;
    }
  };

  const writeDown = async () => {
    timer = undefined;
    const writing = [...counts.values()].map(({ count }) => count);
    counts = new Map();
    size = 0;
    const ends = await Promise.allSettled(writing.map((count) => books.add(count)));
    const failed = ends.find((end) => end.status === "rejected");
    for (const [index, end] of ends.entries()) {
      const count = writing[index];
      if (end.status === "rejected" && count !== undefined) for (const each of count.policies) addTo(count, each);
    }
    if (failed !== undefined && !failing) parts.onFault(failed.reason);
    failing = failed !== undefined;
  };
  // One after the other: what the store did not take is counted again before the next time.
  const flush = () => {
    flushing = flushing.then(writeDown).finally(() => {
      if (counts.size > 0) start();
    });
    return flushing;
  };
  const start = () => {
    timer ??= setTimeout(() => void flush(), flushEveryMs).unref();
  };

  return {
    add({ at, domain, policy, failure }) {
      const failures = failure === undefined ? [] : [{ detail: tidyDetail(failure), count: 1 }];
      const failed = failures.length;
      addTo({ day: dayOf(at), domain, policies: [] }, { policy, successful: 1 - failed, failed, failures });
      start();
    },
    async close() {
      await flush();
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
