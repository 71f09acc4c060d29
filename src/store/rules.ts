/**
 * Exceptions for all workers, over restarts. Who changes one also raises the
 * version and tells the channel: a worker that misses the word finds the
 * version changed when it looks.
 */
import type { Redis } from "ioredis";
import type { Domain } from "../dns/answer.ts";
import { type Exception, isOver } from "../tls/exception.ts";
import type { StoreConnection } from "./connection.ts";
import { operatorNewsKey, operatorTrailKey, rulesChannel, rulesKey, rulesVersionKey } from "./keys.ts";
import {
  type ExceptionRecord,
  fromRecord,
  noteActionLua,
  type OperatorAction,
  takeActions,
  toRecord,
} from "./operator-actions.ts";
import { createScript } from "./script.ts";
import { guarded } from "./store-error.ts";

export type RuleStore = {
  /** All that are kept, also those whose time is over and that nobody has ended yet. */
  list(): Promise<Exception[]>;
  /** In the place of any other for its domain. */
  set(exception: Exception): Promise<void>;
  /** The one that was there. */
  remove(domain: Domain, by: string): Promise<Exception | undefined>;
  /** Takes out those whose time is over. */
  endDue(now: number): Promise<void>;
  /** `undefined` while the version is still the one that was seen. */
  readSince(version: string | undefined): Promise<{ version: string; exceptions: Exception[] } | undefined>;
  /** What operators did and no process has told yet, oldest first. */
  takeActions(): Promise<OperatorAction[]>;
  /** Calls `onChange` for each change, as soon as this process hears of it. */
  listen(onChange: () => void): { stop(): Promise<void> };
};

/** All methods reject with a `StoreError` while Redis is away. */
export function createRuleStore(connection: StoreConnection, now: () => number = Date.now): RuleStore {
  const { redis } = connection;
  const list = async () => read(await guarded("read the rules", redis.hgetall(rulesKey)));
  const change = (domain: Domain, before: string, after: string, action: OperatorAction) =>
    guarded("change a rule", changeScript(redis, KEYS, [domain, before, after, JSON.stringify(action)]));
  return {
    list,
    async set(exception) {
      const { domain, by } = exception;
      const record = toRecord(exception);
      const at = new Date(now()).toISOString();
      await change(domain, "", JSON.stringify(record), { kind: "rule-set", at, domain, by, exception: record });
    },
    async remove(domain, by) {
      const text = await guarded("read a rule", redis.hget(rulesKey, domain));
      if (text === null) return undefined;
      const exception = readOne(domain, text);
      const at = new Date(now()).toISOString();
      await change(domain, text, "", { kind: "rule-removed", at, domain, by, exception: toRecord(exception) });
      return exception;
    },
    async endDue(at) {
      for (const [domain, text] of Object.entries(await guarded("read the rules", redis.hgetall(rulesKey)))) {
        const exception = readOne(domain, text);
        if (!isOver(exception, at)) continue;
        const ended = {
          kind: "rule-ended",
          at: new Date(at).toISOString(),
          domain,
          exception: toRecord(exception),
        } as const;
        await change(domain, text, "", ended);
      }
    },
    async readSince(version) {
      const reply = await guarded("read the rules", readScript(redis, [rulesKey, rulesVersionKey], [version ?? ""]));
      const [current, flat] = reply as [string, string[]?];
      return flat === undefined ? undefined : { version: current, exceptions: read(pairs(flat)) };
    },
    takeActions: () => takeActions(redis),
    listen: (onChange) => listen(connection, onChange),
  };
}

const KEYS = [rulesKey, rulesVersionKey, operatorTrailKey, operatorNewsKey];

// With a text to replace, only that one: two processes that end the same rule
// do it once, and neither ends the one that an operator has just put in its place.
const changeScript = createScript(`
  ${noteActionLua}
  local domain, before, after, action = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
  if before ~= "" and redis.call("HGET", KEYS[1], domain) ~= before then return 0 end
  if after == "" then redis.call("HDEL", KEYS[1], domain) else redis.call("HSET", KEYS[1], domain, after) end
  redis.call("INCR", KEYS[2])
  noteAction(KEYS[3], KEYS[4], action)
  redis.call("PUBLISH", "${rulesChannel}", domain)
  return 1
`);

// A Redis that lost its data has no version: not the one that was seen.
const readScript = createScript(`
  local version = redis.call("GET", KEYS[2]) or "0"
  if version == ARGV[1] then return { version } end
  return { version, redis.call("HGETALL", KEYS[1]) }
`);

const pairs = (flat: string[]) =>
  Object.fromEntries(flat.flatMap((text, i) => (i % 2 === 0 ? [[text, flat[i + 1] ?? ""]] : [])));

const read = (texts: Record<string, string>) => Object.entries(texts).map(([domain, text]) => readOne(domain, text));

/**
 * A record that cannot be read may have been a `require` or a pin: the domain's
 * mail waits for an operator, and is not sent with less than was asked for.
 */
function readOne(domain: Domain, text: string): Exception {
  try {
    const exception = fromRecord(JSON.parse(text) as ExceptionRecord);
    if (isException(exception)) return { ...exception, domain };
  } catch {
    // As any other that makes no sense.
  }
  const reason = "the record of this exception cannot be read: set it anew or remove it";
  return { domain, what: { kind: "pin", mx: [] }, by: "nobody", reason, setAt: 0 };
}

function isException({ what, by, reason, setAt, until }: Partial<Exception>): boolean {
  const isRule =
    what?.kind === "pin"
      ? Array.isArray(what.mx)
      : ["optional", "require", "testing", "disable"].includes(what?.rule ?? "");
  return (
    isRule && typeof by === "string" && typeof reason === "string" && !Number.isNaN(setAt) && !Number.isNaN(until ?? 0)
  );
}

/** Over a connection of its own: one that listens can do nothing else. It subscribes again by itself. */
function listen(connection: StoreConnection, onChange: () => void): { stop(): Promise<void> } {
  const patient = connection.openPatient();
  const subscriber: Redis = patient.redis;
  subscriber.on("message", onChange);
  subscriber.subscribe(rulesChannel).catch(() => {
    // The connection ended before it was told: who listens looks by himself too.
  });
  return { stop: () => patient.end() };
}
