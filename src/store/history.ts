/** Reads the history of messages: one of them, those with a Message-ID, the latest. */
import type { AcceptedEntry, HistoryEntry } from "../mail/history.ts";
import type { StoreConnection } from "./connection.ts";
import { createPace, type Pace } from "./gentle-pace.ts";
import { bareMessageId, messageIdMember } from "./history-write.ts";
import { acceptedField, bodyKey, historyByMessageIdKey, historyByTimeKey, historyKey } from "./keys.ts";
import { createScript } from "./script.ts";
import { guarded } from "./store-error.ts";

export type MessageHistory = {
  id: string;
  /** Oldest first; never empty. */
  entries: HistoryEntry[];
};

/** All methods reject with a `StoreError` while Redis is away. */
export type HistoryReader = {
  /** `undefined`: there is none, or it has been thrown away. */
  read(id: string): Promise<MessageHistory | undefined>;
  /** The queue ids of the messages with this Message-ID, with angle brackets or without; oldest first. */
  withMessageId(messageId: string): Promise<string[]>;
  /**
   * Messages to which something has happened since then (epoch milliseconds), the latest first; in slices.
   * @param mayMatch by how it came in, if that is known: the rest of it need not be read
   */
  latest(since: number, mayMatch?: (first: AcceptedEntry | undefined) => boolean): AsyncGenerator<MessageHistory[]>;
};

const SLICE = 500;

export function createHistoryReader({ redis }: Pick<StoreConnection, "redis">): HistoryReader {
  const readAll = async (ids: string[]): Promise<MessageHistory[]> => {
    const pipeline = redis.pipeline();
    // In this order: it is moved from there into the list, and never back.
    for (const id of ids) pipeline.hget(bodyKey(id), acceptedField).lrange(historyKey(id), 0, -1);
    const replies = ((await guarded("read the history", pipeline.exec())) ?? []).map(([, reply]) => reply);
    return ids.flatMap((id, index) => {
      const [first, list] = replies.slice(2 * index, 2 * index + 2);
      const texts = [...(typeof first === "string" ? [first] : []), ...(Array.isArray(list) ? list : [])];
      const entries = texts.flatMap((text) => readable(String(text)));
      return entries.length === 0 ? [] : [{ id, entries: onceAccepted(entries) }];
    });
  };
  const matching = async (ids: string[], mayMatch: (first: AcceptedEntry | undefined) => boolean, pace: Pace) => {
    const texts = await pace(() => guarded("read the history", firstEntries(redis, [], ids)));
    return ids.filter((_, index) => {
      const text = (texts as (string | null)[])[index];
      const [first] = typeof text === "string" ? readable(text) : [];
      return mayMatch(first?.kind === "accepted" ? first : undefined);
    });
  };
  return {
    read: async (id) => (await readAll([id]))[0],
    withMessageId: async (messageId) => {
      const prefix = messageIdMember(bareMessageId(messageId), "");
      // "!" is the character after the blank that ends the prefix.
      const range = redis.zrangebylex(historyByMessageIdKey, `[${prefix}`, `(${prefix.slice(0, -1)}!`);
      const members = await guarded("find a Message-ID", range);
      return members.map((member) => member.slice(prefix.length)).filter((id) => !id.includes(" "));
    },
    latest: async function* (since, mayMatch) {
      // Each slice begins at the time at which the one before it ended: those of that time come twice.
      const seen = new Set<string>();
      const pace = createPace();
      let until = "+inf";
      for (let most = SLICE; ;) {
        const range = redis.zrevrangebyscore(historyByTimeKey, until, since, "WITHSCORES", "LIMIT", 0, most);
        const flat = await guarded("list the history", range);
        const fresh = flat.filter((id, index) => index % 2 === 0 && !seen.has(id));
        if (fresh.length === 0) {
          if (flat.length < 2 * most) return;
          // More than a slice in one millisecond: the next one must reach beyond.
          most += SLICE;
          continue;
        }
        for (const id of fresh) seen.add(id);
        until = flat.at(-1) ?? until;
        most = SLICE;
        yield await readAll(mayMatch === undefined ? fresh : await matching(fresh, mayMatch, pace));
      }
    },
  };
}

// One answer to read instead of hundreds.
const firstEntries = createScript(`
  local entries = {}
  for i, id in ipairs(ARGV) do
    entries[i] = redis.call("LINDEX", "${historyKey("")}" .. id, 0)
      or redis.call("HGET", "${bodyKey("")}" .. id, "${acceptedField}")
  end
  return entries
`);

function readable(text: string): HistoryEntry[] {
  try {
    return [JSON.parse(text) as HistoryEntry];
  } catch {
    // One that was written by hand should not hide the others.
    return [];
  }
}

/** A message that was added twice, after a time limit, begins twice. */
function onceAccepted(entries: HistoryEntry[]): HistoryEntry[] {
  const first = entries.findIndex(({ kind }) => kind === "accepted");
  return entries.filter(({ kind }, index) => kind !== "accepted" || index === first);
}
