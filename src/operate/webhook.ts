/**
 * Tells a program of others what happened: one POST, signed, so that the
 * receiver knows who speaks and that it is no repetition of an old one.
 */
import { createHmac } from "node:crypto";
import { createPost, type PostOutcome, type PostParts } from "../tls/post.ts";

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

/** Rejects only when `signal` ends it, with the signal's reason. */
export type PostWebhook = (message: WebhookMessage, secret: string, signal?: AbortSignal) => Promise<PostOutcome>;

export type WebhookParts = Omit<PostParts, "timeoutMs"> & {
  now: () => number;
  /** For the whole exchange, DNS included. Default: 10,000. */
  timeoutMs?: number;
};

/**
 * The value of the header `sts-relay-signature`: `t=<epoch seconds>,v1=<HMAC-SHA256
 * of "<t>.<body>" in hexadecimal>`. A receiver makes the same, compares in
 * constant time, and refuses a time that is long past.
 */
export function signature(secret: string, body: string, now: number): string {
  const t = Math.floor(now / 1000);
  return `t=${t},v1=${createHmac("sha256", secret).update(`${t}.${body}`).digest("hex")}`;
}

export function createWebhookPost(parts: WebhookParts): PostWebhook {
  const post = createPost({ ...parts, timeoutMs: parts.timeoutMs ?? 10_000 });
  return ({ id, url, event, body }, secret, signal) => {
    const headers = {
      "content-type": "application/json",
      "sts-relay-event": event,
      "sts-relay-delivery": id,
      "sts-relay-signature": signature(secret, body, parts.now()),
    };
    return post(new URL(url), { headers, body }, signal);
  };
}
