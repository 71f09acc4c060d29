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

/** A piece of BullMQ's text and what stands in its place. A call from Lua costs Redis several times what it does. */
type Change = readonly [from: string, to: string];

/** Jobs are added with ids of their own, and nothing is written into the stream whose length this finds out. */
const WITHOUT_COUNTING: Change[] = [
  ['rcall("INCR", KEYS[4])', "0"],
  ["local maxEvents = getOrSetMaxEvents(metaKey)", "local maxEvents = 0"],
];

/** Of jobs that are completed, and then gone: none has children, parents, or a second of its kind. */
const WITHOUT_FAMILY: Change[] = [
  ['rcall("SCARD", jobIdKey .. ":dependencies") ~= 0', "false"],
  ['rcall("ZCARD", jobIdKey .. ":unsuccessful") ~= 0', "false"],
  ['rcall("HMGET", jobIdKey, "parentKey", "parent", "deid")', "{}"],
  ['rcall("HINCRBY", jobIdKey, "atm", 1)', "0"],
  ["    else\n        removeJobKeys(jobIdKey)", '    else\n        rcall("DEL", jobIdKey, jobIdKey .. ":logs")'],
  // What other scripts of BullMQ's write into the stream is cut by its look for stalled jobs, twice a minute.
  ["    trimEvents(metaKey, eventStreamKey)", ""],
];

export const addJobScript = asPart(changed(addStandardJob, WITHOUT_COUNTING));
export const fetchScript = asPart(gently(moveToActive));
export const finishScript = asPart(changed(gently(moveToFinished), WITHOUT_FAMILY));

function asPart({ name, content, keys }: File): BullMqScript {
  const quiet = content.replaceAll(TELLS, "untold(");
  return { lua: `local function ${name}(KEYS, ARGV)\nlocal function untold() end\n${quiet}\nend\n`, keys };
}

/**
 * With a hundred thousand jobs due at once, each worker's fetch would stop
 * Redis for the time that a thousand of them take, one worker after the other.
 */
function gently(script: File): File {
  return changed(script, [[AT_ONCE, GENTLY_AT_ONCE]]);
}

function changed(script: File, changes: Change[]): File {
  const content = changes.reduce((text, [from, to]) => {
    if (text.split(from).length !== 2) throw new Error(`BullMQ's ${script.name} is not as it was: "${from}"`);
    return text.replace(from, to);
  }, script.content);
  return { ...script, content };
}
