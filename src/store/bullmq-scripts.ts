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

export const addJobScript = asPart(addStandardJob);
export const fetchScript = asPart(moveToActive);
export const finishScript = asPart(moveToFinished);

function asPart({ name, content, keys }: { name: string; content: string; keys: number }): BullMqScript {
  return { lua: `local function ${name}(KEYS, ARGV)\n${content}\nend\n`, keys };
}
