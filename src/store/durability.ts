/**
 * Whether Redis keeps what it has acknowledged. A message answered 250 is the
 * relay's to deliver (RFC 5321 section 6.1), so it must be on disk by then and
 * may never be evicted.
 */
import type { Redis } from "ioredis";
import { guarded } from "./store-error.ts";

export type DurabilityProblem = {
  kind: "version" | "eviction" | "not-durable" | "unknown";
  /** The relay must not start. Whether `not-durable` and `unknown` are fatal too is a setting's matter. */
  fatal: boolean;
  /** In plain words, with what to do. */
  detail: string;
};

export type Durability = {
  version: string;
  evictionPolicy: string;
  /** When a write reaches the disk: before the reply, within a second, when the system likes, never. */
  fsync: "always" | "everysec" | "no" | "off" | "unknown";
  problems: DurabilityProblem[];
};

/** What Redis said of itself. `undefined`: it would not say. */
export type ServerSettings = {
  /** Of `INFO`. Valkey gives the Redis version that it stands in for. */
  version: string | undefined;
  evictionPolicy: string | undefined;
  appendonly: string | undefined;
  appendfsync: string | undefined;
};

/** Rejects with a `StoreError` only while Redis is away: a managed Redis that denies CONFIG is an answer, `unknown`. */
export async function checkDurability(redis: Redis): Promise<Durability> {
  const info = await guarded("say its version", redis.info());
  return judgeDurability({
    version: infoField(info, "redis_version"),
    // INFO says this one too, where CONFIG is denied.
    evictionPolicy: (await configValue(redis, "maxmemory-policy")) ?? infoField(info, "maxmemory_policy"),
    appendonly: (await configValue(redis, "appendonly")) ?? aofOf(infoField(info, "aof_enabled")),
    appendfsync: await configValue(redis, "appendfsync"),
  });
}

export function judgeDurability(settings: ServerSettings): Durability {
  const fsync = fsyncOf(settings);
  const problems = [versionProblem(settings.version), evictionProblem(settings.evictionPolicy), fsyncProblem(fsync)];
  return {
    version: settings.version ?? "unknown",
    evictionPolicy: settings.evictionPolicy ?? "unknown",
    fsync,
    problems: problems.filter((problem) => problem !== undefined),
  };
}

/** The value of one line of `INFO`. */
export function infoField(info: string, name: string): string | undefined {
  const line = info.split(/\r?\n/).find((line) => line.startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim();
}

function fsyncOf({ appendonly, appendfsync }: ServerSettings): Durability["fsync"] {
  if (appendonly === "no") return "off";
  if (appendonly !== "yes") return "unknown";
  return appendfsync === "always" || appendfsync === "everysec" || appendfsync === "no" ? appendfsync : "unknown";
}

function versionProblem(version: string | undefined): DurabilityProblem | undefined {
  if (version === undefined) return { kind: "unknown", fatal: false, detail: "Redis does not say its version" };
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 6 || (major === 6 && minor >= 2)) return undefined;
  return { kind: "version", fatal: true, detail: `Redis is version ${version}; the relay needs 6.2 or later` };
}

function evictionProblem(policy: string | undefined): DurabilityProblem | undefined {
  if (policy === "noeviction") return undefined;
  if (policy === undefined) {
    return { kind: "unknown", fatal: false, detail: "Redis does not say its maxmemory-policy; it must be noeviction" };
  }
  return {
    kind: "eviction",
    fatal: true,
    detail: `Redis has maxmemory-policy ${policy} and would throw away queued mail when memory runs out; set it to noeviction`,
  };
}

function fsyncProblem(fsync: Durability["fsync"]): DurabilityProblem | undefined {
  const remedy = "set appendonly yes and appendfsync always";
  const problem = (detail: string) => ({ kind: "not-durable" as const, fatal: false, detail: `${detail}; ${remedy}` });
  switch (fsync) {
    case "always":
      return undefined;
    case "everysec":
      return problem("Redis writes to disk once a second: a crash loses the mail of the last second");
    case "no":
      return problem("Redis leaves writing to disk to the system: a crash loses the mail of the last half minute");
    case "off":
      return problem("Redis keeps no append-only file: a crash loses mail");
    case "unknown":
      return {
        kind: "unknown",
        fatal: false,
        detail: `Redis does not let the relay read its settings (CONFIG GET), so it is not known whether mail survives a crash; ${remedy}`,
      };
  }
}

function aofOf(enabled: string | undefined): string | undefined {
  if (enabled === undefined) return undefined;
  return enabled === "1" ? "yes" : "no";
}

async function configValue(redis: Redis, name: string): Promise<string | undefined> {
  try {
    const reply = await redis.config("GET", name);
    const value: unknown = Array.isArray(reply) ? reply[1] : undefined;
    return typeof value === "string" ? value : undefined;
  } catch (err) {
    // Denied (NOPERM) or renamed away (unknown command): an answer. Anything else is a fault.
    if (err instanceof Error && err.name === "ReplyError") return undefined;
    return guarded("say its settings", Promise.reject(err));
  }
}
