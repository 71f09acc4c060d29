/**
 * What operators do while the relay runs: kept as a trail, and handed to one
 * relay process, which writes it to the log.
 */
import type { ChainableCommander, Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import type { Exception } from "../tls/exception.ts";
import { operatorNewsKey, operatorTrailKey } from "./keys.ts";
import { guarded } from "./store-error.ts";

export type OperatorAction = { at: string; domain: Domain } & (
  | { kind: "rule-set"; by: string; exception: ExceptionRecord }
  | { kind: "rule-removed"; by: string; exception: ExceptionRecord }
  /** Its time was over. */
  | { kind: "rule-ended"; exception: ExceptionRecord }
  | { kind: "policy-forgotten"; by: string }
);

/** An exception as an operator reads it in Redis: JSON, with times in ISO 8601. */
export type ExceptionRecord = Omit<Exception, "setAt" | "until"> & { setAt: string; until?: string };

export const toRecord = ({ setAt, until, ...rest }: Exception): ExceptionRecord => ({
  ...rest,
  setAt: new Date(setAt).toISOString(),
  ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
});

export const fromRecord = ({ setAt, until, ...rest }: ExceptionRecord): Exception => ({
  ...rest,
  setAt: Date.parse(setAt),
  ...(until === undefined ? {} : { until: Date.parse(until) }),
});

const MOST_KEPT = 1_000;

/** The commands that write an action down, to ride with those that carry it out. */
export function noteAction(multi: ChainableCommander, action: OperatorAction): ChainableCommander {
  const text = JSON.stringify(action);
  return multi
    .lpush(operatorTrailKey, text)
    .ltrim(operatorTrailKey, 0, MOST_KEPT - 1)
    .lpush(operatorNewsKey, text)
    .ltrim(operatorNewsKey, 0, MOST_KEPT - 1);
}

/** The same within a script that has both keys: `noteAction(trail, news, text)`. */
export const noteActionLua = `
  local function noteAction(trail, news, text)
    for _, key in ipairs({ trail, news }) do
      redis.call("LPUSH", key, text)
      redis.call("LTRIM", key, 0, ${MOST_KEPT - 1})
    end
  end
`;

/** What is to be written to the log, oldest first. Each is handed out once, to one process. */
export async function takeActions(redis: Redis): Promise<OperatorAction[]> {
  const texts = await guarded("read what operators did", redis.rpop(operatorNewsKey, MOST_KEPT));
  return readActions(texts ?? []);
}

/** The newest first. */
export async function operatorTrail(redis: Redis, most = MOST_KEPT): Promise<OperatorAction[]> {
  return readActions(await guarded("read what operators did", redis.lrange(operatorTrailKey, 0, most - 1)));
}

/** Another release may have written what this one cannot read: left out. */
function readActions(texts: string[]): OperatorAction[] {
  return texts.flatMap((text) => {
    try {
      return [JSON.parse(text) as OperatorAction];
    } catch {
      return [];
    }
  });
}
