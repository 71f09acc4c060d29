/**
 * Notes when a domain's record was last compared with the policy in use: it
 * tells an operator whether what is cached is known to be current.
 */
import type { Domain } from "../dns/answer.ts";
import type { PolicyAnswer } from "../mta-sts/answer.ts";
import { createOncePer } from "../mta-sts/once-per.ts";

const EVERY_MS = 5 * 60_000;
const MOST_WAITING = 10_000;

export function createCheckNotes(parts: {
  store: { noteChecked(checked: Iterable<[Domain, number]>): Promise<void> };
  now: () => number;
}) {
  const isNews = createOncePer(EVERY_MS, parts.now);
  let checked = new Map<Domain, number>();
  return {
    answer(domain: Domain, answer: PolicyAnswer): void {
      if (answer.kind !== "policy") return;
      if (answer.recordChecked === "unavailable" || answer.recordChecked === "could-not-ask") return;
      if (checked.size < MOST_WAITING && isNews(domain)) checked.set(domain, parts.now());
    },
    async flush(): Promise<void> {
      const writing = checked;
      checked = new Map();
      await parts.store.noteChecked(writing);
    },
  };
}
