/**
 * Hands a report to an HTTPS endpoint. RFC 8460 section 5.4.
 *
 * RFC 8460 section 3 lets a reporter go on where the endpoint's certificate does
 * not hold; this one does not: the report names our hosts and what they saw,
 * and a mailbox can be named beside the endpoint.
 */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { isIP, type TcpSocketConnectOpts } from "node:net";
import type { ConnectionOptions, SecureContext } from "node:tls";
import type { AddressGuard } from "../dns/address-guard.ts";
import { checkedAddresses, lookupIn } from "../dns/checked-addresses.ts";
import type { Resolver } from "../dns/answer.ts";
import { checkServerIdentity } from "../tls/identity.ts";

export type PostOutcome = { kind: "accepted" } | { kind: "failed"; detail: string };

/** Rejects only when `signal` ends it, with the signal's reason. */
export type PostReport = (url: URL, report: Buffer, signal?: AbortSignal) => Promise<PostOutcome>;

export type PostParts = {
  dns: Resolver;
  /** A record may point anywhere, also at hosts inside. */
  guard: AddressGuard;
  secureContext: SecureContext;
  /** For the whole exchange, DNS included. Default: 60,000. */
  timeoutMs?: number;
};

type FamilyOptions = Pick<TcpSocketConnectOpts, "autoSelectFamily" | "autoSelectFamilyAttemptTimeout">;

/** Of the answer, which nobody reads. */
const MOST_BODY_BYTES = 65_536;
const MOST_HEAD_BYTES = 16_384;
const ATTEMPT_MS = 5_000;

export function createPostReport(parts: PostParts): PostReport {
  const { timeoutMs = 60_000 } = parts;
  return async (url, report, signal) => {
    const deadline = AbortSignal.timeout(timeoutMs);
    const ends = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    const outcome = await post(parts, url, report, ends);
    if (outcome.kind === "accepted") return outcome;
    signal?.throwIfAborted();
    return deadline.aborted ? failed(`no whole answer within ${timeoutMs / 1000} s`) : outcome;
  };
}

const failed = (detail: string): PostOutcome => ({ kind: "failed", detail });

async function post(parts: PostParts, url: URL, report: Buffer, signal: AbortSignal): Promise<PostOutcome> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const found = await checkedAddresses(host, parts, signal);
  if (found.kind === "none") return failed(found.detail);
  const options: RequestOptions & ConnectionOptions & FamilyOptions = {
    method: "POST",
    headers: {
      "content-type": "application/tlsrpt+gzip",
      "content-length": report.length,
      "user-agent": "sts-relay",
    },
    // A connection of its own, and no proxy from the environment.
    agent: false,
    signal,
    maxHeaderSize: MOST_HEAD_BYTES,
    lookup: lookupIn(found.addresses),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    secureContext: parts.secureContext,
    checkServerIdentity,
    // Not left to NODE_TLS_REJECT_UNAUTHORIZED.
    rejectUnauthorized: true,
  };
  const request = httpsRequest(url, options);
  // Errors are met where they are awaited; this one only keeps a late one from ending the process.
  request.on("error", () => undefined);
  try {
    request.end(report);
    const [response] = (await once(request, "response")) as [IncomingMessage];
    await drain(response);
    const { statusCode = 0 } = response;
    // A redirect is not followed: it would lead past the check of the address.
    return statusCode >= 200 && statusCode < 300
      ? { kind: "accepted" }
      : failed(`it answered with status ${statusCode}`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return failed(`the connection failed (${code ?? "unknown error"})`);
  } finally {
    request.destroy();
  }
}

/** The status says all; of a body that goes on and on only the beginning is taken. */
async function drain(response: IncomingMessage): Promise<void> {
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MOST_BODY_BYTES) return;
  }
}
