/**
 * The text of a message, kept until the last of its delivery jobs is done.
 * It lies in a hash beside one field for each job that still needs it.
 */
import type { Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import { bodyKey, dataField, deliveryJobId, deliveryJobKey, domainOfField, openField } from "./keys.ts";

/** The fields of the hash for a new message. */
export function bodyFields(data: Buffer, domains: Domain[], acceptedAt: number): Record<string, Buffer | string> {
  const since = new Date(acceptedAt).toISOString();
  return { [dataField]: data, ...Object.fromEntries(domains.map((domain) => [openField(domain), since])) };
}

/** `undefined`: it is gone. */
export async function readBody(redis: Redis, messageId: string): Promise<Buffer | undefined> {
  // Not `hget`: that one decodes UTF-8, and a message is bytes.
  return (await redis.hgetBuffer(bodyKey(messageId), dataField)) ?? undefined;
}

/** Defines `closeBody(body, open)`: the job with this field needs the body no more. Doing it twice closes nothing twice. */
// What is left when no job needs the body is the body itself, or not even that.
export const closeLua = `
  local function closeBody(body, open)
    redis.call("HDEL", body, open)
    if redis.call("HLEN", body) <= 1 then redis.call("DEL", body) end
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
  const done = await redis.eval(closeOrphanScript, 2, bodyKey(messageId), jobKey, openField(domain));
  return done === 1;
}

// Job and body are looked at in one step: between two, the job could be made.
const closeOrphanScript = `
  if redis.call("EXISTS", KEYS[2]) == 1 then return 0 end
  local closed = redis.call("HDEL", KEYS[1], ARGV[1])
  if redis.call("HLEN", KEYS[1]) <= 1 then redis.call("DEL", KEYS[1]) end
  return closed
`;
