/**
 * One POST to a URL that somebody else has named: only to addresses that the
 * guard lets pass, only to a host whose certificate holds, and no further. Of
 * the answer nothing counts but its status.
 */
import { once } from "node:events";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { isIP, type TcpSocketConnectOpts } from "node:net";
import type { ConnectionOptions, SecureContext } from "node:tls";
import type { AddressGuard } from "../dns/address-guard.ts";
import type { Resolver } from "../dns/answer.ts";
import { checkedAddresses, lookupIn } from "../dns/checked-addresses.ts";
import { checkServerIdentity } from "./identity.ts";

export type PostOutcome =
  /** Answered with a status of 200 to 299. */
  | { kind: "accepted" }
  /** In plain words why not; it may go well another time. */
  | { kind: "failed"; detail: string };

export type Posted = { headers: Record<string, string>; body: string | Buffer };

/** Rejects only when `signal` ends it, with the signal's reason. A URL without TLS is posted to without. */
export type Post = (url: URL, content: Posted, signal?: AbortSignal) => Promise<PostOutcome>;

export type PostParts = {
  dns: Resolver;
  guard: AddressGuard;
  secureContext: SecureContext;
  /** For the whole exchange, DNS included. */
  timeoutMs: number;
};

type FamilyOptions = Pick<TcpSocketConnectOpts, "autoSelectFamily" | "autoSelectFamilyAttemptTimeout">;

/** Of the answer, which nobody reads. */
const MOST_BODY_BYTES = 65_536;
const MOST_HEAD_BYTES = 16_384;
/** For one address, while there are others. */
const ATTEMPT_MS = 3_000;

export function createPost(parts: PostParts): Post {
  const { timeoutMs } = parts;
  return async (url, content, signal) => {
    const deadline = AbortSignal.timeout(timeoutMs);
    const ends = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    const outcome = await exchange(parts, url, content, ends);
    if (outcome.kind === "accepted") return outcome;
    signal?.throwIfAborted();
    return deadline.aborted ? failed(`no whole answer within ${timeoutMs / 1000} s`) : outcome;
  };
}

const failed = (detail: string): PostOutcome => ({ kind: "failed", detail });

async function exchange(
  parts: PostParts,
  url: URL,
  { headers, body }: Posted,
  signal: AbortSignal,
): Promise<PostOutcome> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const found = await checkedAddresses(host, parts, signal);
  if (found.kind === "none") return failed(found.detail);
  const options: RequestOptions & ConnectionOptions & FamilyOptions = {
    method: "POST",
    headers: { ...headers, "content-length": Buffer.byteLength(body), "user-agent": "sts-relay" },
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
  const request = url.protocol === "http:" ? httpRequest(url, options) : httpsRequest(url, options);
  // Errors are met where they are awaited; this one only keeps a late one from ending the process.
  request.on("error", () => undefined);
  try {
    request.end(body);
    const [response] = (await once(request, "response")) as [IncomingMessage];
    await drain(response);
    const { statusCode = 0 } = response;
    // A redirect is not followed: it would lead past the check of the address.
    if (statusCode >= 200 && statusCode < 300) return { kind: "accepted" };
    return failed(`it answered with status ${statusCode}`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return failed(`the connection failed (${code ?? "unknown error"})`);
  } finally {
    request.destroy();
  }
}

/** Of a body that goes on and on only the beginning is taken. */
async function drain(response: IncomingMessage): Promise<void> {
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MOST_BODY_BYTES) return;
  }
}
