/**
 * Webhooks: what happened goes into a queue, and from there to whoever the
 * configuration names.
 */
import { randomUUID } from "node:crypto";
import type { Config } from "../config/config.ts";
import type { Events } from "../observe/events.ts";
import { createWebhookPost, type WebhookEvent, type WebhookMessage } from "../operate/webhook.ts";
import type { StoreConnection } from "../store/connection.ts";
import { createWebhookQueue, startWebhookWorker } from "../store/webhook-queue.ts";
import type { Network } from "./protocols.ts";

/** Tells those who want to hear of `event`. Never throws; `content` becomes part of the JSON. */
export type Tell = (event: WebhookEvent, content: Record<string, unknown>) => void;

type Parts = { live: () => Config; connection: StoreConnection; events: Pick<Events, "fault" | "webhookFailed"> };

/** What it opens, `stack` closes. */
export function openWebhooks({ live, connection, events }: Parts, stack: AsyncDisposableStack): Tell {
  const queue = createWebhookQueue<WebhookMessage>(connection);
  const adding = new Set<Promise<void>>();
  stack.defer(async () => {
    await Promise.all(adding);
    await queue.close();
  });
  return (event, content) => {
    const at = new Date().toISOString();
    for (const { url } of live().webhooks.filter((webhook) => webhook.events.includes(event))) {
      const id = randomUUID();
      const body = JSON.stringify({ id, event, at, relay: live().hostname, ...content });
      const added = queue
        .add({ id, url, event, body })
        .catch((err: unknown) => events.fault({ where: "webhooks", err }))
        .finally(() => adding.delete(added));
      adding.add(added);
    }
  };
}

/** Sends what is in the queue, also what other processes put there. */
export function startWebhooks(
  { live, connection, events, network }: Parts & { network: Network },
  stack: AsyncDisposableStack,
): void {
  const post = createWebhookPost({ ...network, secureContext: network.trust.strict, now: Date.now });
  const worker = startWebhookWorker<WebhookMessage>({
    connection,
    async send(message, signal) {
      // Secrets are not in Redis. A webhook that was taken out of the configuration hears no more.
      const webhook = live().webhooks.find(({ url }) => url === message.url);
      return webhook === undefined ? { kind: "accepted" } : post(message, webhook.secret, signal);
    },
    onFailed: ({ url, event }, failure) => events.webhookFailed({ url: withoutQuery(url), event, ...failure }),
    onFault: (where, err) => events.fault({ where, err }),
  });
  stack.defer(() => worker.close());
}

/** Some services want a token in the address. */
function withoutQuery(text: string): string {
  const { origin, pathname } = new URL(text);
  return origin + pathname;
}
