/**
 * What an operator wants done with a job that a worker has in hand. It lies
 * beside the text of the message, so that the worker learns of it with the
 * text, and it stays until it has been carried out.
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

export const writeOrder = (order: JobOrder): string => JSON.stringify(order);

/** `undefined` for anything that is no order: mail is never dropped for a text that cannot be read. */
export function readOrder(text: string): JobOrder | undefined {
  try {
    const order = JSON.parse(text) as JobOrder;
    return VERBS.has(order.verb) ? order : undefined;
  } catch {
    return undefined;
  }
}

const VERBS = new Set(["hold", "bounce", "drop"]);

/** For the history, when it has been carried out. */
export function operatorEntry(domain: Domain, { verb, by, reason }: JobOrder, now: number): OperatorEntry {
  const at = new Date(now).toISOString();
  return { kind: "operator", at, domain, verb, by, ...(reason === undefined ? {} : { reason }) };
}
