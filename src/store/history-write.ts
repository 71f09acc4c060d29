/**
 * Writes the history of messages, always along with something else that is
 * written: the message itself, the end of its job, the time of its next
 * attempt. Nothing of it can fail what it rides with.
 */
import type { AcceptedMessage } from "../mail/envelope.ts";
import type { AcceptedEntry, HistoryEntry } from "../mail/history.ts";
import { acceptedField, bodyKey, historyByTimeKey, historyKey } from "./keys.ts";

const MOST_RECIPIENTS = 20;
const LONGEST_MESSAGE_ID = 255;

/** Of one message. What is in the middle goes first: how it came in, and how it went lately, tell most. */
const MOST_ENTRIES = 200;

/** For `beginHistoryLua`: the entry, the time, the message and how it is found by its Message-ID. */
export function beginningOfHistory(message: AcceptedMessage): (string | number)[] {
  const entry = acceptedEntry(message);
  const found = entry.messageId === undefined ? "" : messageIdMember(entry.messageId, message.id);
  return [JSON.stringify(entry), message.acceptedAt, message.id, found];
}

/**
 * Defines `beginHistory(byTime, byMessageId, args, first)`: `args` from `first` on are those of
 * `beginningOfHistory`. An empty entry begins nothing. The entry itself lies beside the text.
 */
export const beginHistoryLua = `
  local function beginAll(byTime, byMessageId, at, message, found)
    redis.call("ZADD", byTime, at, message)
    if found ~= "" then redis.call("ZADD", byMessageId, 0, found) end
  end

  local function beginHistory(byTime, byMessageId, args, first)
    if args[first] == "" then return end
    pcall(beginAll, byTime, byMessageId, args[first + 1], args[first + 2], args[first + 3])
  end
`;

function acceptedEntry({ id: _, envelope, data, acceptedAt, origin }: AcceptedMessage): AcceptedEntry {
  const { messageId, ...from } = origin ?? {};
  const bare = messageId === undefined ? "" : bareMessageId(messageId);
  return {
    kind: "accepted",
    at: new Date(acceptedAt).toISOString(),
    from: envelope.from,
    to: envelope.to.slice(0, MOST_RECIPIENTS),
    recipients: envelope.to.length,
    sizeBytes: data.length,
    ...from,
    ...(bare === "" ? {} : { messageId: bare }),
  };
}

/** As people quote it: with angle brackets or without. */
export function bareMessageId(text: string): string {
  return text
    .trim()
    .replace(/^<(.*)>$/s, "$1")
    .slice(0, LONGEST_MESSAGE_ID);
}

export const messageIdMember = (messageId: string, id: string): string => `${messageId} ${id}`;

/** Defines `unfold(message)`: the list of its history begins with what lay beside its text. */
export const unfoldLua = `
  local function beginList(message, entry)
    redis.call("RPUSH", "${historyKey("")}" .. message, entry)
  end

  local function unfold(message)
    local body = "${bodyKey("")}" .. message
    local first = redis.call("HGET", body, "${acceptedField}")
    if not first then return end
    beginList(message, first)
    redis.call("HDEL", body, "${acceptedField}")
  end
`;

/** The keys that `appendLua` needs, to be the last ones of a script; in the order of its parameters. */
export const historyKeys = (messageId: string): string[] => [historyKey(messageId), historyByTimeKey];

/** For each entry three arguments, to be the last ones of a script. */
export function historyArguments(messageId: string, now: number, entries: HistoryEntry[]): (string | number)[] {
  return [messageId, now, ...entries.flatMap((entry) => [JSON.stringify(entry), domainIn(entry), sameAs(entry)])];
}

const domainIn = (entry: HistoryEntry) => ("domain" in entry ? entry.domain : "");
const sameAs = (entry: HistoryEntry) => ("same" in entry ? entry.same : "");

/**
 * Defines `appendHistory(list, byTime, args, first, unfolded)`: `args` from `first` on are
 * those of `historyArguments`; `unfolded`: nothing lies beside the text. A history that was
 * thrown away is not begun anew. Needs `unfoldLua`.
 *
 * An attempt that went like the latest one for its domain takes its place and
 * counts it: else a host that is down would fill the memory with its days.
 */
export const appendLua = `
  local function appendOne(list, entry, domain, same)
    if same ~= "" then
      local length = redis.call("LLEN", list)
      for i = length - 1, math.max(1, length - 8), -1 do
        local before = cjson.decode(redis.call("LINDEX", list, i))
        if before.domain == domain then
          if before.same ~= same then break end
          local times = (before.times or 1) + 1
          local run = ',"times":' .. times .. ',"firstAt":' .. cjson.encode(before.firstAt or before.at) .. "}"
          redis.call("LSET", list, i, string.sub(entry, 1, -2) .. run)
          return length
        end
      end
    end
    local length = redis.call("RPUSHX", list, entry)
    if length > ${MOST_ENTRIES} then
      local head = redis.call("LINDEX", list, 0)
      redis.call("LTRIM", list, -${MOST_ENTRIES - 1}, -1)
      redis.call("LPUSH", list, head)
    end
    return length
  end

  local function appendAll(list, byTime, args, first, unfolded)
    if not unfolded then unfold(args[first]) end
    for i = first + 2, #args, 3 do
      if appendOne(list, args[i], args[i + 1], args[i + 2]) == 0 then return end
    end
    redis.call("ZADD", byTime, "XX", args[first + 1], args[first])
  end

  local function appendHistory(list, byTime, args, first, unfolded)
    if #args > first + 1 then pcall(appendAll, list, byTime, args, first, unfolded) end
  end
`;
