/**
 * Whether a policy lives long enough to protect. RFC 8461 section 3.2 looks for
 * "weeks or greater": who blocks the policy host only has to wait for the end.
 */
import type { Policy } from "../mta-sts/answer.ts";
import type { Severity } from "./finding.ts";
import { durationWords } from "./words.ts";

const DAY_SECONDS = 86_400;
const WEEK_SECONDS = 7 * DAY_SECONDS;

export type MaxAgeNote = { severity: Severity; code: string; says: string };

export const MAX_AGE_ADVICE =
  "Set max_age to a week or more (604800): who blocks the policy host only has to wait until it is over.";

/** A policy that is being taken back may well be short. */
export function maxAgeNote({ mode, maxAgeSeconds }: Policy): MaxAgeNote | undefined {
  if (mode === "none" || maxAgeSeconds >= WEEK_SECONDS) return undefined;
  const life = durationWords(maxAgeSeconds * 1000);
  return maxAgeSeconds < DAY_SECONDS
    ? { severity: "warning", code: "max-age-short", says: `max_age is ${life}: too short to protect anybody` }
    : { severity: "info", code: "max-age-low", says: `max_age is ${life}; a week or more is usual` };
}
