/**
 * Tells a program of others what happened: one POST, signed, so that the
 * receiver knows who speaks and that it is no repetition of an old one.
 */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { isIP, type TcpSocketConnectOpts } from "node:net";
import type { ConnectionOptions, SecureContext } from "node:tls";
import type { AddressGuard } from "../dns/address-guard.ts";
import type { Resolver } from "../dns/answer.ts";
import { checkedAddresses, lookupIn } from "../dns/checked-addresses.ts";
import { checkServerIdentity } from "../tls/identity.ts";

/** As the setting `webhooks[].events` names them. */
export type WebhookEvent =
  | "incident-opened"
  | "incident-closed"
  | "rule-set"
  | "rule-removed"
  | "rule-ended"
  | "shadow-summary";

/** What one webhook is to be told, as it waits in the queue. */
export type WebhookMessage = {
  /** The same for each try: whoever receives twice can tell. */
  id: string;
  url: string;
  event: WebhookEvent;
  /** The text that is sent: JSON. */
  body: string;
};

export type WebhookOutcome =
  | { kind: "accepted" }
  /** To be tried again. */
  | { kind: "failed"; detail: string };

export type PostWebhook = (message: WebhookMessage, secret: string, signal?: AbortSignal) => Promise<WebhookOutcome>;

export type WebhookParts = {
  dns: Resolver;
  guard: AddressGuard;
  secureContext: SecureContext;
  now: () => number;
  /** For the whole exchange, DNS included. Default: 10,000. */
  timeoutMs?: number;
};

/** Of the answer, which nobody reads. */
const MOST_BODY_BYTES = 65_536;
const MOST_HEAD_BYTES = 16_384;
const ATTEMPT_MS = 3_000;

/**
 * The value of the header `sts-relay-signature`: `t=<epoch seconds>,v1=<HMAC-SHA256
 * of "<t>.<body>" in hexadecimal>`. A receiver makes the same, compares in
 * constant time, and refuses a time that is long past.
 */
export function signature(secret: string, body: string, now: number): string {
  const t = Math.floor(now / 1000);
  return `t=${t},v1=${createHmac("sha256", secret).update(`${t}.${body}`).digest("hex")}`;
}

/** Rejects only when `signal` ends it, with the signal's reason. */
export function createWebhookPost(parts: WebhookParts): PostWebhook {
  const { timeoutMs = 10_000 } = parts;
  return async (message, secret, signal) => {
    const deadline = AbortSignal.timeout(timeoutMs);
    const ends = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    const outcome = await post(parts, message, secret, ends);
    if (outcome.kind === "accepted") return outcome;
    signal?.throwIfAborted();
    return deadline.aborted ? failed(`no whole answer within ${timeoutMs / 1000} s`) : outcome;
  };
}

const failed = (detail: string): WebhookOutcome => ({ kind: "failed", detail });

type FamilyOptions = Pick<TcpSocketConnectOpts, "autoSelectFamily" | "autoSelectFamilyAttemptTimeout">;

async function post(
  parts: WebhookParts,
  message: WebhookMessage,
  secret: string,
  signal: AbortSignal,
): Promise<WebhookOutcome> {
  const url = new URL(message.url);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const found = await checkedAddresses(host, parts, signal);
  if (found.kind === "none") return failed(found.detail);
  const options: RequestOptions & ConnectionOptions & FamilyOptions = {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(message.body),
      "user-agent": "sts-relay",
      "sts-relay-event": message.event,
      "sts-relay-delivery": message.id,
      "sts-relay-signature": signature(secret, message.body, parts.now()),
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
  const request = url.protocol === "http:" ? httpRequest(url, options) : httpsRequest(url, options);
  // Errors are met where they are awaited; this one only keeps a late one from ending the process.
  request.on("error", () => undefined);
  try {
    request.end(message.body);
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

/** The status says all; of a body that goes on and on only the beginning is taken. */
async function drain(response: IncomingMessage): Promise<void> {
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MOST_BODY_BYTES) return;
  }
}
