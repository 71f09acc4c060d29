/**
 * Recipients beyond what a host takes in one transaction: they go into the next
 * one over the same session. RFC 5321 section 4.5.3.1.10.
 */
import type { RecipientAnswer, TransactionResult } from "../smtp/transaction.ts";

/** Empty where the host took nobody: then another transaction would fare no better. */
export function beyondLimit({ kind, answers }: TransactionResult): string[] {
  if (kind === "broken" || answers.every(({ stage }) => stage === "rcpt")) return [];
  return answers.filter(isBeyondLimit).map(({ address }) => address);
}

/** 452 is also said of a full mailbox or disk. 552 is the code of old servers, to be read as 452. */
const isBeyondLimit = ({ stage, reply: { code, status, text } }: RecipientAnswer): boolean =>
  stage === "rcpt" &&
  (code === 452 || code === 552) &&
  (status === undefined ? /\brecipients\b/i.test(text) : /^[45]\.5\.3$/.test(status));
