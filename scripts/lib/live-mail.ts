/** Mail that comes in at a steady rate, is delivered at once, and of which each message's way is kept. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { MailQueue } from "../../src/store/mail-queue.ts";
import { createMessageIds } from "../../src/mail/message-id.ts";
import type { Flowed } from "./flow-window.ts";

const SENDER = "live@sender.example";
const LIFETIME_MS = 86_400_000;

export type LiveMail = {
  flow: Flowed[];
  /** Whether this message is of the flow; if so, it is delivered now. */
  delivered(job: { from: string; message: string }): boolean;
  /** How many are on their way. */
  underWay(): number;
  refused(): number;
  stop(): Promise<void>;
};

export function startLiveMail(queue: MailQueue, perSecond: number): LiveMail {
  const flow: Flowed[] = [];
  const open = new Map<string, Flowed>();
  const ids = createMessageIds(randomBytes);
  const adding: Promise<void>[] = [];
  const stop = new AbortController();
  let refused = 0;

  const send = (dueAt: number) => {
    const acceptedAt = Math.floor(dueAt);
    const id = ids.next(acceptedAt);
    const envelope = { from: SENDER, to: ["user@live.example"], smtputf8: false, eightBit: false };
    const message = { id, envelope, data: Buffer.alloc(4_096, "text\r\n"), acceptedAt };
    const one: Flowed = { dueAt };
    flow.push(one);
    open.set(id, one);
    const failed = () => {
      refused += 1;
      open.delete(id);
    };
    adding.push(queue.add(message, { lifetimeMs: LIFETIME_MS }).catch(failed));
  };

  const run = async () => {
    const startedAt = Date.now();
    for (let sent = 0; !stop.signal.aborted;) {
      for (; startedAt + (sent / perSecond) * 1_000 <= Date.now(); sent++) send(startedAt + (sent / perSecond) * 1_000);
      await sleep(2);
    }
    await Promise.all(adding);
  };
  const ended = run();

  return {
    flow,
    delivered: ({ from, message }) => {
      const one = open.get(message);
      if (one !== undefined) one.deliveredAt = Date.now();
      open.delete(message);
      return from === SENDER;
    },
    underWay: () => open.size,
    refused: () => refused,
    stop: async () => {
      stop.abort();
      await ended;
    },
  };
}
