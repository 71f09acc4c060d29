/** BullMQ's queues as they are, for those who look at raw jobs. */
import { Queue } from "bullmq";
import type { StoreConnection } from "./connection.ts";
import { deliveryQueue, keyPrefix, maintenanceQueue, webhookQueue } from "./keys.ts";

export type RawQueues = { queues: Queue[]; close(): Promise<void> };

export function openRawQueues({ redis }: Pick<StoreConnection, "redis">): RawQueues {
  const queues = [deliveryQueue, maintenanceQueue, webhookQueue].map((name) => {
    const options = { connection: redis, prefix: keyPrefix, skipWaitingForReady: true, skipVersionCheck: true };
    const queue = new Queue(name, options);
    queue.on("error", () => {
      // Of the connection, which reports for itself; what a command meets rejects that command.
    });
    return queue;
  });
  return {
    queues,
    close: async () => void (await Promise.all(queues.map((queue) => queue.close()))),
  };
}
