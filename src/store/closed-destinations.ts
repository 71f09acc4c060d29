/**
 * Destinations that cannot be reached, as all processes know them. Each process
 * looks once a second, so that no delivery has to ask.
 */
import { closedDestinationsKey } from "./keys.ts";
import type { StoreConnection } from "./connection.ts";

/** Until when (epoch milliseconds), why, and how often in a row. */
export type ClosedDestination = { until: number; because: string; closings: number };

export type ClosedDestinations = {
  closing(destination: string): ClosedDestination | undefined;
  /** Written down without anybody waiting for it. */
  close(destination: string, closing: ClosedDestination): void;
  open(destination: string): void;
  stop(): void;
};

const LOOK_EVERY_MS = 1_000;
/** Kept beyond its end, so that the next failure closes it for longer. */
const REMEMBERED_MS = 30 * 60_000;

export function followClosedDestinations(parts: {
  connection: StoreConnection;
  now: () => number;
}): ClosedDestinations {
  const { now } = parts;
  const { redis } = parts.connection;
  let known = new Map<string, ClosedDestination>();
  const look = async () => {
    const all = Object.entries(await redis.hgetall(closedDestinationsKey));
    const read = all.map(([destination, text]) => [destination, JSON.parse(text) as ClosedDestination] as const);
    const over = read.filter(([, { until }]) => until < now() - REMEMBERED_MS).map(([destination]) => destination);
    if (over.length > 0) await redis.hdel(closedDestinationsKey, ...over);
    known = new Map(read);
  };
  // While Redis is away what was known stays; the connection tells of the loss.
  const ignore = () => undefined;
  const timer = setInterval(() => void look().catch(ignore), LOOK_EVERY_MS).unref();
  void look().catch(ignore);
  return {
    closing: (destination) => known.get(destination),
    close(destination, closing) {
      known.set(destination, closing);
      void redis.hset(closedDestinationsKey, destination, JSON.stringify(closing)).catch(ignore);
    },
    open(destination) {
      known.delete(destination);
      void redis.hdel(closedDestinationsKey, destination).catch(ignore);
    },
    stop: () => clearInterval(timer),
  };
}
