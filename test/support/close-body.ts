/** Ends what is kept beside a delivery job, as the end of the job does. */
import type { Redis } from "ioredis";
import type { HistoryEntry } from "../../src/mail/history.ts";
import { closeLua } from "../../src/store/body.ts";
import { appendLua, historyArguments, historyKeys, unfoldLua } from "../../src/store/history-write.ts";
import { bodyKey, openField } from "../../src/store/keys.ts";
import { createScript } from "../../src/store/script.ts";

export async function closeBody(
  redis: Redis,
  message: string,
  domain: string,
  history: { now: number; entries: HistoryEntry[] } = { now: 0, entries: [] },
): Promise<void> {
  const notes = historyArguments(message, history.now, history.entries);
  await script(redis, [bodyKey(message), ...historyKeys(message)], [openField(domain), ...notes]);
}

const script = createScript(`
  ${unfoldLua}
  ${closeLua}
  ${appendLua}
  closeBody(KEYS[1], ARGV[1])
  appendHistory(KEYS[2], KEYS[3], ARGV, 2)
`);
