/**
 * BullMQ's own Lua scripts as parts of ours. What the relay keeps beside a job
 * changes in the same step as the job, and in one round trip; and BullMQ's part
 * of the step is BullMQ's own text, so that every BullMQ tool reads what it left.
 *
 * A part sees the keys and arguments that it is called with, under the names
 * that every script has them: `KEYS` and `ARGV`. More than it knows of does not
 * disturb it.
 */
import { addStandardJob } from "bullmq/dist/cjs/scripts/addStandardJob-9.js";
import { moveToActive } from "bullmq/dist/cjs/scripts/moveToActive-11.js";
import { moveToFinished } from "bullmq/dist/cjs/scripts/moveToFinished-14.js";

export type BullMqScript = {
  /** Defines `<name>(KEYS, ARGV)`, with the name that BullMQ gives the script. */
  lua: string;
  /** How many keys it takes. Its arguments follow them. */
  keys: number;
};

type File = { name: string; content: string; keys: number };

/** What BullMQ says: so many jobs that have become due are brought back to the queue whenever one job is fetched. */
const AT_ONCE = '"LIMIT", 0, 1000)';

/** One job is fetched, so a few are enough, and nobody waits for Redis meanwhile. */
const GENTLY_AT_ONCE = '"LIMIT", 0, 20)';

/** BullMQ writes each step of a job into an event stream as well, which nothing here reads. */
const TELLS = 'rcall("XADD",';

export const addJobScript = asPart(addStandardJob);
export const fetchScript = asPart(gently(moveToActive));
export const finishScript = asPart(gently(moveToFinished));

function asPart({ name, content, keys }: File): BullMqScript {
  const quiet = content.replaceAll(TELLS, "untold(");
  return { lua: `local function ${name}(KEYS, ARGV)\nlocal function untold() end\n${quiet}\nend\n`, keys };
}

/**
 * With a hundred thousand jobs due at once, each worker's fetch would stop
 * Redis for the time that a thousand of them take, one worker after the other.
 */
function gently(script: File): File {
  if (!script.content.includes(AT_ONCE)) throw new Error(`BullMQ brings jobs back in another way in ${script.name}`);
  return { ...script, content: script.content.replace(AT_ONCE, GENTLY_AT_ONCE) };
}
