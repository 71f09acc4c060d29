/**
 * Answers kept for as long as the DNS allows. RFC 1035 section 3.2.1 (TTL),
 * RFC 2308 section 5 (negative answers). What could not be found out is not kept:
 * the next message asks again.
 */
import type { DnsAnswer } from "./answer.ts";

export type AnswerCache<T> = {
  /** With the seconds that are left in `ttlSeconds`. */
  get(key: string): DnsAnswer<T> | undefined;
  /** `unknown` is not kept, and what was known before stays. */
  put(key: string, answer: DnsAnswer<T>): void;
};

/** `entries`: how many answers at most; the one longest unused goes first. */
export function createAnswerCache<T>({ entries, now }: { entries: number; now: () => number }): AnswerCache<T> {
  // A Map keeps the order of insertion: the first is the one longest unused.
  const kept = new Map<string, { answer: Exclude<DnsAnswer<T>, { kind: "unknown" }>; storedAt: number }>();
  return {
    get(key) {
      const entry = kept.get(key);
      if (entry === undefined) return undefined;
      kept.delete(key);
      const ageMs = now() - entry.storedAt;
      const leftMs = entry.answer.ttlSeconds * 1000 - ageMs;
      // A clock set back must not lengthen a life.
      if (ageMs < 0 || leftMs <= 0) return undefined;
      kept.set(key, entry);
      return { ...entry.answer, ttlSeconds: Math.ceil(leftMs / 1000) };
    },

    put(key, answer) {
      if (answer.kind === "unknown") return;
      kept.delete(key);
      if (answer.ttlSeconds <= 0) return;
      kept.set(key, { answer, storedAt: now() });
      const [oldest] = kept.keys();
      if (kept.size > entries && oldest !== undefined) kept.delete(oldest);
    },
  };
}
