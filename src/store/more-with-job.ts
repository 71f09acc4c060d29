/** What a worker is told with a job beside the job itself, so that it need not ask for it. */
import { MARK_PLACE } from "../mail/message-id.ts";
import { bodyKey, dataField, deliveryJobKey, restField } from "./keys.ts";
import { delayedKey, markerKey, prioritizedKey, waitKey } from "./queue-layout.ts";

/** A longer text is not held for a job whose turn may not have come. */
const LONGEST_ALONG_BYTES = 256 * 1024;

/**
 * Defines `withMore(reply, known)`, for what BullMQ replies when a job is taken: one that is begun for the
 * first time brings its text, in the fifth place and the sixth, unless the message has the mark `known`; one that
 * is the last has 1 in the seventh, and in the fourth, as where there is none, when the next one is due.
 */
// What is false in the reply comes as null; it would end with what is nil.
export const withMoreLua = `
  local function textOf(id, known)
    local message = string.match(id, "^[^/]*")
    if known ~= "" and string.sub(message, ${MARK_PLACE.first}, ${MARK_PLACE.last}) == known then return {} end
    if redis.call("HGET", "${deliveryJobKey("")}" .. id, "ats") ~= "1" then return {} end
    local body = "${bodyKey("")}" .. message
    if redis.call("HSTRLEN", body, "${dataField}") > ${LONGEST_ALONG_BYTES} then return {} end
    return redis.call("HMGET", body, "${dataField}", "${restField}")
  end

  local function withMore(reply, known)
    if type(reply) ~= "table" or type(reply[1]) ~= "table" then return reply end
    local text = textOf(reply[2], known)
    reply[5], reply[6] = text[1] or false, text[2] or false
    if redis.call("EXISTS", "${waitKey}", "${prioritizedKey}") == 0 then
      redis.call("ZREM", "${markerKey}", "0")
      local due = redis.call("ZRANGE", "${delayedKey}", 0, 0, "WITHSCORES")
      if due[2] then reply[4] = math.floor(tonumber(due[2]) / 0x1000) end
      reply[7] = 1
    end
    return reply
  end
`;
