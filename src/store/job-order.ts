/**
 * What an operator wants done with a job that a worker has in hand, or must
 * take in hand for it. It lies in the job, where BullMQ keeps a job's progress:
 * so whoever takes the job has it, without asking. It stays until it has been
 * carried out.
 */
import type { Domain } from "../dns/answer.ts";
import type { OperatorEntry } from "../mail/history.ts";

export type JobOrder = {
  verb: "hold" | "bounce" | "drop";
  /** Who wants it. */
  by: string;
  reason?: string;
  at: string;
};

/** The field of the job's hash. */
export const orderField = "progress";

export const writeOrder = (order: JobOrder): string => JSON.stringify(order);

/** `undefined` for anything that is no order: mail is never dropped for a text that cannot be read. */
export function readOrder(text: string): JobOrder | undefined {
  try {
    return orderOf({ progress: JSON.parse(text) as unknown });
  } catch {
    return undefined;
  }
}

/** As BullMQ hands the job over. */
export function orderOf({ progress }: { progress: unknown }): JobOrder | undefined {
  const order = progress as Partial<JobOrder> | null;
  return order?.verb !== undefined && VERBS.has(order.verb) ? (order as JobOrder) : undefined;
}

const VERBS = new Set(["hold", "bounce", "drop"]);

/** For the history, when it has been carried out. */
export function operatorEntry(domain: Domain, { verb, by, reason }: JobOrder, now: number): OperatorEntry {
  const at = new Date(now).toISOString();
  return { kind: "operator", at, domain, verb, by, ...(reason === undefined ? {} : { reason }) };
}
