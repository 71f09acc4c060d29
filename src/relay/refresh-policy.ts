/**
 * Fetches a policy anew at an operator's word, beside a relay that runs or not:
 * what is fetched goes into the store, and what it means to an operator is
 * written down as when the relay itself had fetched it.
 */
import type { Config } from "../config/config.ts";
import type { Domain } from "../dns/answer.ts";
import type { PolicyEvent } from "../mta-sts/answer.ts";
import type { Events } from "../observe/events.ts";
import type { StoreConnection } from "../store/connection.ts";
import { createProtocols } from "./protocols.ts";
import { createWatching } from "./watching.ts";
import { openWebhooks } from "./webhooks.ts";

/** Gives what became of it; nothing where the domain has no record and no policy is known. Rejects when `signal` is aborted. */
export async function refreshPolicyNow(
  parts: { config: Config; connection: StoreConnection; events: Events },
  domain: Domain,
  signal?: AbortSignal,
): Promise<PolicyEvent[]> {
  const { config, connection, events } = parts;
  const live = () => config;
  await using stack = new AsyncDisposableStack();
  const tell = openWebhooks({ live, connection, events }, stack);
  const watching = createWatching({ live, connection, events, tell });
  const seen: PolicyEvent[] = [];
  const policy = (event: PolicyEvent) => {
    seen.push(event);
    watching.policy(event);
  };
  const { policies } = await createProtocols(config, connection, { policy }, live);
  await policies.refresh(domain, signal);
  await watching.flush();
  return seen;
}
