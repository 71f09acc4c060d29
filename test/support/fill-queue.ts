/** Many put-off deliveries at once, written as the relay and BullMQ write them. */
import type { Redis } from "ioredis";
import { deliveryJobs } from "../../src/store/delivery-jobs.ts";
import { toRecord } from "../../src/store/job-record.ts";
import { beginHistoryLua, beginningOfHistory } from "../../src/store/history-write.ts";
import {
  bodyKey,
  dataField,
  deliveryJobId,
  deliveryJobKey,
  historyByMessageIdKey,
  historyByTimeKey,
  openField,
} from "../../src/store/keys.ts";
import { delayedKey, waitKey } from "../../src/store/queue-layout.ts";
import { createMessageIds } from "../../src/mail/message-id.ts";
import { randomBytes } from "node:crypto";

const DAY_MS = 86_400_000;

/** @param domainOf the destination of the message with this number */
export async function fillQueue(
  redis: Redis,
  count: number,
  domainOf: (index: number) => string,
  state: "deferred" | "waiting" = "deferred",
): Promise<void> {
  const now = Date.now();
  const ids = createMessageIds(randomBytes);
  for (let start = 0; start < count; start += 1_000) {
    const pipeline = redis.pipeline();
    for (let index = start; index < Math.min(start + 1_000, count); index++) {
      const acceptedAt = now - DAY_MS + index;
      const id = ids.next(acceptedAt);
      const domain = domainOf(index);
      const envelope = {
        from: `app${index % 10}@sender.example`,
        to: [`user@${domain}`],
        smtputf8: false,
        eightBit: false,
      };
      const data = Buffer.from(`Subject: number ${index}\r\n\r\n${"text ".repeat(100)}\r\n`);
      const message = { id, envelope, data, acceptedAt, origin: { messageId: `<${id}@sender.example>` } };
      const history = [bodyKey(id), historyByTimeKey, historyByMessageIdKey];
      pipeline.eval(beginScript, history.length, ...history, ...beginningOfHistory(message));
      pipeline.hset(bodyKey(id), { [dataField]: data, [openField(domain)]: new Date(acceptedAt).toISOString() });
      const jobId = deliveryJobId(id, domain);
      for (const job of deliveryJobs(message, 5 * DAY_MS)) {
        const put =
          state === "waiting" ? job : { ...job, attempt: 3, waitingBecause: `mx.${domain}: it refuses connections` };
        const opts = JSON.stringify({ attempts: 1_000_000_000, jobId, removeOnComplete: true });
        const priority = state === "waiting" ? 0 : 1;
        pipeline.hset(deliveryJobKey(jobId), {
          name: domain,
          data: JSON.stringify(toRecord(put)),
          opts,
          timestamp: acceptedAt,
          delay: 0,
          priority,
        });
      }
      if (state === "waiting") pipeline.lpush(waitKey, jobId);
      else pipeline.zadd(delayedKey, (now + DAY_MS + index) * 0x1000, jobId);
    }
    await pipeline.exec();
  }
}

const beginScript = `${beginHistoryLua} beginHistory(KEYS[1], KEYS[2], KEYS[3], ARGV, 1)`;
