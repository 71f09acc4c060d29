/**
 * Hands a report to an HTTPS endpoint. RFC 8460 section 5.4.
 *
 * RFC 8460 section 3 lets a reporter go on where the endpoint's certificate does
 * not hold; this one does not: the report names our hosts and what they saw,
 * and a mailbox can be named beside the endpoint.
 */
import { createPost, type PostOutcome, type PostParts } from "../tls/post.ts";

/** Rejects only when `signal` ends it, with the signal's reason. */
export type PostReport = (url: URL, report: Buffer, signal?: AbortSignal) => Promise<PostOutcome>;

const TIMEOUT_MS = 60_000;

/** @param parts the guard: a record may point anywhere, also at hosts inside. `timeoutMs` is 60,000 by default. */
export function createPostReport(parts: Omit<PostParts, "timeoutMs"> & { timeoutMs?: number }): PostReport {
  const post = createPost({ ...parts, timeoutMs: parts.timeoutMs ?? TIMEOUT_MS });
  const headers = { "content-type": "application/tlsrpt+gzip" };
  return (url, report, signal) => post(url, { headers, body: report }, signal);
}
