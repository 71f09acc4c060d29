/** A known policy as an operator reads it in Redis: JSON, with times in ISO 8601. */
import type { KnownFailure, KnownPolicy } from "../mta-sts/answer.ts";

export function writePolicy(known: KnownPolicy): string {
  return JSON.stringify({ ...known, fetchedAt: iso(known.fetchedAt), expiresAt: iso(known.expiresAt) });
}

/** Throws an `Error` for what is no such record: to take it for "no policy" would switch the protection off. */
export function readPolicy(text: string): KnownPolicy {
  const record = JSON.parse(text) as Omit<KnownPolicy, "fetchedAt" | "expiresAt"> & Times<"fetchedAt" | "expiresAt">;
  return { ...record, fetchedAt: at(record.fetchedAt), expiresAt: at(record.expiresAt) };
}

export function writeFailure(failure: KnownFailure): string {
  return JSON.stringify({ ...failure, failedAt: iso(failure.failedAt), retryAt: iso(failure.retryAt) });
}

export function readFailure(text: string): KnownFailure {
  const record = JSON.parse(text) as Omit<KnownFailure, "failedAt" | "retryAt"> & Times<"failedAt" | "retryAt">;
  return { ...record, failedAt: at(record.failedAt), retryAt: at(record.retryAt) };
}

type Times<Name extends string> = Record<Name, string>;

const iso = (time: number): string => new Date(time).toISOString();

function at(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new Error(`not a time: ${text}`);
  return time;
}
