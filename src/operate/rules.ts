/** Exceptions as operators set, list and remove them: values in, values out. */
import type { Domain } from "../dns/answer.ts";
import { toDomain } from "../dns/name.ts";
import { type ExceptionRecord, toRecord } from "../store/operator-actions.ts";
import type { RuleStore } from "../store/rules.ts";
import { type Exception, type ExceptionRule, isOver } from "../tls/exception.ts";

/** What an operator asks for, as it was written. */
export type ExceptionWish = {
  domain: string;
  /** `optional`, `require`, `testing` or `disable`; or `pinMx` instead. */
  mtaSts?: string;
  /** MX hosts. */
  pinMx?: string[];
  by: string;
  reason: string;
  /** Absent: until it is taken back. */
  until?: number;
};

const RULES = ["optional", "require", "testing", "disable"] as const;
const MOST_PINNED = 50;
const LONGEST_TEXT = 500;

/** The exception, or what is wrong with the wish. */
export function readWish(wish: ExceptionWish, now: number): { exception: Exception } | { wrong: string } {
  const { by, reason, until } = wish;
  const domain = readDomain(wish.domain);
  if (domain === undefined) return { wrong: `${JSON.stringify(wish.domain)} is not a domain` };
  const what = readRule(wish);
  if ("wrong" in what) return what;
  if (reason.trim() === "" || reason.length > LONGEST_TEXT) return { wrong: "it needs a reason, in a sentence" };
  if (by.trim() === "" || by.length > LONGEST_TEXT) return { wrong: "it needs an author" };
  if (until !== undefined && until <= now) return { wrong: "its end is in the past" };
  return { exception: { domain, what, by, reason, setAt: now, ...(until === undefined ? {} : { until }) } };
}

/** Mail to an address literal has no policy, but may be held for a rule that requires one. */
export function readDomain(text: string): Domain | undefined {
  const bare = text.replace(/^@/, "");
  return /^\[[^\]]+\]$/.test(bare) ? bare.toLowerCase() : toDomain(bare);
}

function readRule({ mtaSts, pinMx }: ExceptionWish): ExceptionRule | { wrong: string } {
  if ((mtaSts === undefined) === (pinMx === undefined)) return { wrong: "either an MTA-STS rule or pinned MX hosts" };
  if (pinMx === undefined) {
    const rule = RULES.find((each) => each === mtaSts);
    return rule === undefined
      ? { wrong: `${mtaSts} is no rule; known: ${RULES.join(", ")}` }
      : { kind: "mta-sts", rule };
  }
  const mx = pinMx.map((host) => (host.startsWith("*.") ? prefixed(toDomain(host.slice(2))) : toDomain(host)));
  const wrong = pinMx.find((_, index) => mx[index] === undefined);
  if (wrong !== undefined || mx.length === 0) return { wrong: `${JSON.stringify(wrong ?? "")} is not a host name` };
  if (mx.length > MOST_PINNED) return { wrong: `more than ${MOST_PINNED} hosts` };
  return { kind: "pin", mx: mx.filter((host) => host !== undefined) };
}

const prefixed = (domain: Domain | undefined) => (domain === undefined ? undefined : `*.${domain}`);

export function createRuleService(parts: { store: RuleStore; now: () => number }) {
  const { store, now } = parts;
  return {
    /** Those in force, by domain. */
    async list(): Promise<ExceptionRecord[]> {
      const inForce = (await store.list()).filter((exception) => !isOver(exception, now()));
      return inForce.sort((a, b) => (a.domain < b.domain ? -1 : 1)).map(toRecord);
    },
    async set(wish: ExceptionWish): Promise<{ exception: ExceptionRecord } | { wrong: string }> {
      const read = readWish(wish, now());
      if ("wrong" in read) return read;
      await store.set(read.exception);
      return { exception: toRecord(read.exception) };
    },
    /** The one that was in force; `undefined` when there was none. */
    async remove(domain: Domain, by: string): Promise<ExceptionRecord | undefined> {
      const removed = await store.remove(domain, by);
      return removed === undefined ? undefined : toRecord(removed);
    },
  };
}
