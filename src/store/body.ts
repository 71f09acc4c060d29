/**
 * The text of a message, kept until the last of its delivery jobs is done.
 * It lies in a hash beside one field for each job that still needs it.
 */
import type { Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import { unfoldLua } from "./history-write.ts";
import {
  acceptedField,
  bodyKey,
  dataField,
  deliveryJobId,
  deliveryJobKey,
  domainOfField,
  openField,
  restField,
} from "./keys.ts";
import { createScript } from "./script.ts";
import { joinText } from "./text-pieces.ts";

/** `undefined`: it is gone. */
export async function readBody(redis: Redis, messageId: string): Promise<Buffer | undefined> {
  // Not `hmget`: that one decodes UTF-8, and a message is bytes.
  const [first, rest] = await redis.hmgetBuffer(bodyKey(messageId), dataField, restField);
  return joinText(first, rest);
}

/**
 * Defines `closeBody(body, open)`: the job with this field needs the body no more. Gives 1, or 0 if that was known,
 * and whether the body is gone with that. Doing it twice closes nothing twice. Needs `unfoldLua`: the history
 * outlives the body.
 */
// What is left when no job needs the body is the text itself, or not even that.
export const closeLua = `
  local function closeBody(body, open)
    local closed = redis.call("HDEL", body, open)
    local left = redis.call("HLEN", body)
    -- At most the text in two pieces, and how it came in.
    if left > 3 then return closed, false end
    local first = left > 0 and redis.call("HGET", body, "${acceptedField}")
    if first then left = left - 1 end
    if left > 1 then left = left - redis.call("HEXISTS", body, "${restField}") end
    if left > 1 then return closed, false end
    if first then pcall(beginList, string.sub(body, ${bodyKey("").length + 1}), first) end
    redis.call("DEL", body)
    return closed, true
  end
`;

/** The domains whose jobs are said to need the body, and since when (epoch milliseconds). */
export async function openDomains(redis: Redis, messageId: string): Promise<Array<{ domain: Domain; since: number }>> {
  // The names alone first: the body may be large.
  const fields = (await redis.hkeys(bodyKey(messageId))).filter((field) => domainOfField(field) !== undefined);
  if (fields.length === 0) return [];
  const times = await redis.hmget(bodyKey(messageId), ...fields);
  return fields.map((field, index) => ({ domain: domainOfField(field) ?? "", since: Date.parse(times[index] ?? "") }));
}

/** Closes the body for this domain if there is no such job; says whether there was none. */
export async function closeIfNoJob(redis: Redis, messageId: string, domain: Domain): Promise<boolean> {
  const jobKey = deliveryJobKey(deliveryJobId(messageId, domain));
  return (await closeOrphan(redis, [bodyKey(messageId), jobKey], [openField(domain)])) === 1;
}

// Job and body are looked at in one step: between two, the job could be made.
const closeOrphan = createScript(`
  ${unfoldLua}
  ${closeLua}
  if redis.call("EXISTS", KEYS[2]) == 1 then return 0 end
  return closeBody(KEYS[1], ARGV[1])
`);
