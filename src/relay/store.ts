/**
 * Opens what the relay keeps its mail in: the configured Redis, or one of its own.
 */
import type { Config } from "../config/config.ts";
import type { Events } from "../observe/events.ts";
import { type ConnectOptions, connect, type StoreConnection } from "../store/connection.ts";
import { checkDurability } from "../store/durability.ts";
import { startEmbeddedRedis } from "../store/embedded-server.ts";
import { EXIT_UNAVAILABLE, StartError } from "./start-error.ts";

/** Where Redis is found. */
export type StoreTarget = ConnectOptions["target"];

export type Store = { connection: StoreConnection; target: StoreTarget };

/**
 * Opens the connection, and refuses a Redis that would lose mail. What it opens, `stack` closes.
 * @param given a Redis that another process of this relay has started, or looked at
 */
export async function openStore(
  config: Config,
  events: Events,
  stack: AsyncDisposableStack,
  given?: StoreTarget,
): Promise<Store> {
  const target = given ?? (await findRedis(config, events, stack));
  const connection = await unavailable(() =>
    connect({
      target,
      commandTimeoutMs: config.redis.commandTimeoutMs,
      onState: redisStateLog(events),
    }),
  );
  stack.defer(() => connection.close());
  if (given !== undefined) return { connection, target };
  const durability = await unavailable(() => checkDurability(connection.redis));
  for (const { fatal, detail } of durability.problems) {
    if (fatal || config.redis.requireDurable)
      throw new StartError(`Redis at ${connection.where}: ${detail}`, EXIT_UNAVAILABLE);
    events.redisNotDurable({ detail });
  }
  return { connection, target };
}

async function findRedis(config: Config, events: Events, stack: AsyncDisposableStack): Promise<StoreTarget> {
  const { url, caFile, dir, maxMemoryBytes } = config.redis;
  if (url !== undefined) return caFile === undefined ? { url } : { url, caFile };
  const server = await unavailable(() =>
    startEmbeddedRedis({
      dir,
      maxMemoryBytes,
      onEvent: ({ detail, pid }) => events.embeddedRedis({ detail, ...(pid === undefined ? {} : { pid }) }),
    }),
  );
  stack.defer(() => server.stop());
  return { socketPath: server.socketPath };
}

/** The first "ready" is the start; after it, changes are news. */
function redisStateLog(events: Events): (state: "ready" | "lost", detail: string) => void {
  let lost = false;
  return (state, detail) => {
    if (state === "lost") events.redisLost({ detail });
    else if (lost) events.redisBack();
    lost = state === "lost";
  };
}

/** What the surroundings lack is said in one line; the cause stays for the log. */
async function unavailable<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new StartError(error instanceof Error ? error.message : String(error), EXIT_UNAVAILABLE, { cause: error });
  }
}
