/**
 * Takes a message over: from the client's stream to the queue, and the reply that
 * says which of the two is responsible now. RFC 5321 sections 4.2.5 and 6.1.
 */
import type { Readable } from "node:stream";
import type { AcceptedMessage } from "../mail/envelope.ts";
import type { MessageIds } from "../mail/message-id.ts";
import { protocolWord } from "../mail/received.ts";
import type { Events } from "../observe/events.ts";
import { collect, type CollectLimits } from "./collect.ts";
import { type Arrival, type ContentRules, prepareMessage } from "./prepare.ts";
import { LOCAL_ERROR, NO_ROOM, type Reply, tooLarge } from "./reply.ts";

/**
 * Resolves once the message is safe. Rejects with an error whose `code` is
 * `unavailable`, `full` or `over-watermark`; any other error is a bug.
 */
export type Enqueue = (message: AcceptedMessage) => Promise<void>;

export type AcceptParts = {
  rules: ContentRules;
  limits: CollectLimits;
  enqueue: Enqueue;
  /** How long the queue may take before the client is told to come again. */
  enqueueTimeoutMs: number;
  events: Pick<Events, "accepted" | "fault">;
  now: () => number;
  ids: Pick<MessageIds, "next">;
};

/** With `hangUp` the connection ends after the reply. */
export type Accepted = { reply: Reply; hangUp: boolean };

const TOO_SLOW: Reply = { code: 421, status: "4.4.2", text: "Message took too long" };
/** Nobody hears this. It is in the log, and it is not a 250. */
const GONE: Reply = {
  code: 421,
  status: "4.4.2",
  text: "Connection lost",
  detail: "the client went away before the end of the message; nothing was kept",
};

export async function accept(parts: AcceptParts, arrival: Arrival, stream: Readable): Promise<Accepted> {
  const collected = await collect(stream, parts.limits);
  switch (collected.kind) {
    case "complete":
      try {
        return { reply: await handOver(parts, arrival, collected.data), hangUp: false };
      } finally {
        collected.release();
      }
    case "too-large":
      return { reply: tooLarge(parts.limits.maxBytes), hangUp: false };
    case "flood":
      return { reply: tooLarge(parts.limits.maxBytes), hangUp: true };
    case "no-room":
      return { reply: { ...NO_ROOM, detail: "the memory for arriving messages is in use" }, hangUp: false };
    case "too-slow":
      return { reply: TOO_SLOW, hangUp: true };
    case "gone":
      return { reply: GONE, hangUp: true };
  }
}

async function handOver(parts: AcceptParts, arrival: Arrival, text: Buffer): Promise<Reply> {
  const now = parts.now();
  const id = parts.ids.next(now);
  const prepared = prepareMessage(text, arrival, parts.rules, { id, now });
  if (prepared.kind === "refused") return prepared.reply;
  try {
    await within(parts.enqueueTimeoutMs, parts.enqueue(prepared.message));
  } catch (err) {
    return enqueueFailed(err, parts.events);
  }
  const { envelope, client, protocol } = arrival;
  parts.events.accepted({
    message: id,
    from: envelope.from,
    to: envelope.to,
    sizeBytes: prepared.message.data.length,
    client: client.address,
    ...(client.user === undefined ? {} : { user: client.user }),
    protocol: protocolWord(protocol),
    messageId: prepared.messageId.slice(0, 255),
  });
  return { code: 250, status: "2.0.0", text: `queued as ${id}` };
}

/** Whatever it was, the client keeps the message: it is asked to come again. */
function enqueueFailed(err: unknown, events: AcceptParts["events"]): Reply {
  const detail = err instanceof Error ? err.message : String(err);
  switch (codeOf(err)) {
    case "full":
    case "over-watermark":
      return { ...NO_ROOM, detail };
    case "unavailable":
      return { ...LOCAL_ERROR, detail };
    default:
      events.fault({ where: "enqueue", err });
      return LOCAL_ERROR;
  }
}

const codeOf = (err: unknown) => (err instanceof Error && "code" in err ? err.code : undefined);

/**
 * The queue has a time limit of its own; this one holds when it fails. Should the
 * message be queued after all, the client sends it twice: better than never.
 */
async function within(ms: number, work: Promise<void>): Promise<void> {
  const tooLate = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => tooLate.reject(Object.assign(new Error(`the queue gave no answer in ${ms} ms`), { code: "unavailable" })),
    ms,
  );
  try {
    await Promise.race([work, tooLate.promise]);
  } finally {
    clearTimeout(timer);
  }
}
