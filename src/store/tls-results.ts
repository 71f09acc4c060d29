/**
 * The books of TLS reports in Redis: counts in a hash for each day and domain,
 * the reports to be made in a sorted set by their time, and a hash for how far
 * each has come. RFC 8460 section 4.
 */
import { createHash } from "node:crypto";
import type { DayCount, Progress, ReportKey, ReportState, TlsBooks } from "../tlsrpt/books.ts";
import { DAY_MS, dueAt, endOf } from "../tlsrpt/day.ts";
import type { PolicyResults } from "../tlsrpt/report.ts";
import type { AppliedPolicy, FailureDetail } from "../tlsrpt/result.ts";
import type { QueueNote } from "./add-message.ts";
import type { StoreConnection } from "./connection.ts";
import { tlsReportKey, tlsReportsDueKey, tlsResultsKey } from "./keys.ts";
import { createScript } from "./script.ts";
import { guarded } from "./store-error.ts";

/** For each domain and day; what goes beyond is folded together by policy type and result type. */
const MOST_POLICIES = 10;
const MOST_FAILURES = 500;

/** After the day. The report is tried for a day; then it can still be looked at. */
const RESULTS_KEPT_MS = 4 * DAY_MS;
/** As long as counts could still come in for the day, and long enough for "was it sent?". */
const STATE_KEPT_MS = 14 * DAY_MS;

/** All methods reject with a `StoreError` while Redis is away. */
export function createTlsBooks({ redis }: StoreConnection): TlsBooks {
  const taken = (key: ReportKey, now: number, until: number) =>
    takeScript(
      redis,
      [tlsReportKey(key.day, key.domain), tlsReportsDueKey],
      [memberOf(key), now, until, endOf(key.day) + STATE_KEPT_MS],
    );
  const state = async (key: ReportKey) =>
    readState(await guarded("read a report's state", redis.hgetall(tlsReportKey(key.day, key.domain))));

  return {
    add: async (count) =>
      void (await guarded("count TLS results", addScript(redis, keysOf(count), argumentsOf(count)))),
    results: async ({ day, domain }) =>
      readResults(await guarded("read TLS results", redis.hgetall(tlsResultsKey(day, domain)))),
    takeDue: async (now, until, most) => {
      const due = redis.zrangebyscore(tlsReportsDueKey, "-inf", now, "LIMIT", 0, most);
      const keys = (await guarded("find the reports that are due", due)).map(keyOfMember);
      const mine: ReportKey[] = [];
      for (const key of keys) if ((await guarded("take a report", taken(key, now, until))) === 1) mine.push(key);
      return mine;
    },
    take: async (key, now, until) =>
      (await guarded("take a report", taken(key, now, until))) === 1 ? state(key) : undefined,
    state,
    note: async ({ day, domain }, uri, progress) => {
      const field = destinationField(uri);
      await guarded("note a report", redis.hset(tlsReportKey(day, domain), field, JSON.stringify(progress)));
    },
    putOff: async (key, at) => {
      const multi = redis.multi().zadd(tlsReportsDueKey, "XX", at, memberOf(key));
      await guarded("put a report off", multi.hdel(tlsReportKey(key.day, key.domain), "until").exec());
    },
    close: async (key) => {
      const multi = redis.multi().hset(tlsReportKey(key.day, key.domain), "closed", 1);
      await guarded("close a report", multi.zrem(tlsReportsDueKey, memberOf(key)).exec());
    },
  };
}

/** For `MailQueue.addNoted`: that the report is in the queue is written down in the transaction that puts it there. */
export function queuedNote({ day, domain }: ReportKey, uri: string, message: string, at: number): QueueNote {
  const progress: Progress = { state: "queued", at, message };
  return { key: tlsReportKey(day, domain), field: destinationField(uri), value: JSON.stringify(progress) };
}

const memberOf = ({ day, domain }: ReportKey) => `${day} ${domain}`;

function keyOfMember(member: string): ReportKey {
  const [day = "", domain = ""] = member.split(" ");
  return { day, domain };
}

const DESTINATION = "to ";
const destinationField = (uri: string) => DESTINATION + uri;

function readState(fields: Record<string, string>): ReportState {
  const destinations = Object.entries(fields)
    .filter(([field]) => field.startsWith(DESTINATION))
    .map(([field, text]): [string, Progress] => [field.slice(DESTINATION.length), JSON.parse(text) as Progress]);
  return {
    attempts: Number(fields["attempts"] ?? 0),
    closed: fields["closed"] !== undefined,
    destinations: new Map(destinations),
  };
}

const keysOf = ({ day, domain }: ReportKey) => [
  tlsResultsKey(day, domain),
  tlsReportKey(day, domain),
  tlsReportsDueKey,
];

function argumentsOf(count: DayCount): (string | number)[] {
  const { day, domain, policies } = count;
  const head = [memberOf(count), dueAt(day, domain), endOf(day) + RESULTS_KEPT_MS, MOST_POLICIES, MOST_FAILURES];
  return [...head, policies.length, ...policies.flatMap(policyArguments)];
}

function policyArguments({ policy, successful, failed, failures }: PolicyResults): (string | number)[] {
  const folded = foldedPolicy(policy);
  const details = failures.flatMap(({ detail, count }) => [
    JSON.stringify(detail),
    JSON.stringify({ resultType: detail.resultType } satisfies FailureDetail),
    count,
  ]);
  const names = [idOf(policy), JSON.stringify(policy), idOf(folded), JSON.stringify(folded)];
  return [...names, successful, failed, failures.length, ...details];
}

const foldedPolicy = (policy: AppliedPolicy): AppliedPolicy =>
  policy.type === "no-policy-found" ? policy : { type: policy.type, strings: [], mxHosts: [] };

const idOf = (policy: AppliedPolicy) =>
  createHash("sha256").update(JSON.stringify(policy)).digest("base64url").slice(0, 12);

function readResults(fields: Record<string, string>): PolicyResults[] {
  const results = new Map<string, PolicyResults>();
  const entries = Object.entries(fields).map(([field, value]) => ({ ...splitField(field), value }));
  for (const { what, id, value } of entries) {
    const empty = { successful: 0, failed: 0, failures: [] };
    if (what === "policy") results.set(id, { policy: JSON.parse(value) as AppliedPolicy, ...empty });
  }
  for (const { what, id, rest, value } of entries) {
    const result = results.get(id);
    if (result === undefined) continue;
    if (what === "successful") result.successful = Number(value);
    if (what === "failed") result.failed = Number(value);
    if (what === "failure") result.failures.push({ detail: JSON.parse(rest) as FailureDetail, count: Number(value) });
  }
  for (const { failures } of results.values()) failures.sort((a, b) => b.count - a.count);
  return [...results.values()].sort((a, b) => b.successful + b.failed - (a.successful + a.failed));
}

/** `failure <id> <detail>`; the detail has spaces of its own. */
function splitField(field: string): { what: string; id: string; rest: string } {
  const [what = "", id = ""] = field.split(" ", 2);
  return { what, id, rest: field.slice(what.length + id.length + 2) };
}

const addScript = createScript(`
  if redis.call("EXISTS", KEYS[2]) == 1 then return 0 end
  local results, at = KEYS[1], 6
  local function nextArgument() at = at + 1; return ARGV[at] end
  local function countOf(name) return tonumber(redis.call("HGET", results, name) or "0") end
  for _ = 1, tonumber(ARGV[6]) do
    local id, policy, otherId, other = nextArgument(), nextArgument(), nextArgument(), nextArgument()
    if redis.call("HEXISTS", results, "policy " .. id) == 0 then
      if countOf("policies") >= tonumber(ARGV[4]) then id, policy = otherId, other end
      redis.call("HINCRBY", results, "policies", redis.call("HSETNX", results, "policy " .. id, policy))
    end
    redis.call("HINCRBY", results, "successful " .. id, nextArgument())
    redis.call("HINCRBY", results, "failed " .. id, nextArgument())
    for _ = 1, tonumber(nextArgument()) do
      local detail, otherDetail, count = nextArgument(), nextArgument(), nextArgument()
      local field = "failure " .. id .. " " .. detail
      if redis.call("HEXISTS", results, field) == 0 then
        if countOf("failures") >= tonumber(ARGV[5]) then field = "failure " .. id .. " " .. otherDetail
        else redis.call("HINCRBY", results, "failures", 1) end
      end
      redis.call("HINCRBY", results, field, count)
    end
  end
  redis.call("PEXPIREAT", results, ARGV[3])
  redis.call("ZADD", KEYS[3], "NX", ARGV[2], ARGV[1])
  return 1
`);

// Whoever took it and died is forgotten when its time is over.
const takeScript = createScript(`
  local takenUntil = tonumber(redis.call("HGET", KEYS[1], "until") or "0")
  if redis.call("HEXISTS", KEYS[1], "closed") == 1 then
    redis.call("ZREM", KEYS[2], ARGV[1])
    return 0
  end
  if takenUntil > tonumber(ARGV[2]) then return 0 end
  redis.call("HSET", KEYS[1], "until", ARGV[3])
  redis.call("HINCRBY", KEYS[1], "attempts", 1)
  redis.call("PEXPIREAT", KEYS[1], ARGV[4])
  redis.call("ZADD", KEYS[2], "XX", ARGV[3], ARGV[1])
  return 1
`);
