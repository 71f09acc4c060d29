/**
 * How this relay meets other hosts, as the configuration says: for deliveries,
 * and for whoever tries what a delivery would.
 */
import type { Config } from "../config/config.ts";

export function wayOut({ hostname, delivery }: Config) {
  const { sourceAddress4, sourceAddress6 } = delivery;
  return {
    hostname,
    port: delivery.port,
    ipv6: delivery.ipv6,
    sourceAddress: {
      ...(sourceAddress4 === undefined ? {} : { 4: sourceAddress4 }),
      ...(sourceAddress6 === undefined ? {} : { 6: sourceAddress6 }),
    },
    limits: {
      setupTimeoutMs: delivery.connectTimeoutMs,
      commandTimeoutMs: delivery.commandTimeoutMs,
      dataTimeoutMs: delivery.dataTimeoutMs,
    },
  };
}
