/**
 * Which delivery jobs an operator means: those of some messages, from a sender,
 * to a destination, in some state. What is given must all hold.
 */
import type { Domain } from "../dns/answer.ts";
import type { JobState } from "../store/queue-layout.ts";
import type { JobRef } from "../store/queue-scan.ts";

export type Selection = {
  /** Queue ids; absent: any message. */
  messages?: string[];
  /** An address, a domain, or `""` for the null sender. */
  from?: string;
  /** The recipients' domain. */
  to?: Domain;
  state?: JobState;
};

/** Whether a job is among those meant, as far as can be told without reading it. */
export function selects({ messages, to, state }: Selection, job: JobRef): boolean {
  if (to !== undefined && job.domain !== to) return false;
  if (state !== undefined && job.state !== state) return false;
  return messages === undefined || messages.includes(job.message);
}

/** `wanted` is an address, a domain with or without `@` before it, or `""` for the null sender. */
export function isFrom(wanted: string, sender: string): boolean {
  const [a, b] = [wanted.toLowerCase(), sender.toLowerCase()];
  if (a === "" || a.indexOf("@") > 0) return a === b;
  return b.endsWith(a.startsWith("@") ? a : `@${a}`);
}
