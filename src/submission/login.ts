/**
 * Checks names and passwords. RFC 4954; the cost of one guess is scrypt's.
 */
import { createHmac, randomBytes } from "node:crypto";
import { unknowableHash, verifyPassword } from "./password-hash.ts";

export type User = { name: string; passwordHash: string };

/** `busy`: too many guesses are being checked already; says nothing about this one. */
export type LoginAnswer = "right" | "wrong" | "busy";

export type Login = {
  /** The pair was right a moment ago. */
  remembers(name: string, password: string): boolean;
  check(name: string, password: string): Promise<LoginAnswer>;
};

/** Each check holds a thread of libuv's pool, of which files and name lookups need some, and 32 MiB. */
const AT_A_TIME = 2;
/** Beyond it a client would wait for seconds. */
const MAX_WAITING = 64;
/** A client that logs in for every message costs 50 ms of CPU a minute, not for each. */
const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 1000;

export function createLogin(parts: { users: User[]; now: () => number }): Login {
  const hashes = new Map(parts.users.map((user) => [user.name, user.passwordHash]));
  const nobody = unknowableHash(parts.users[0]?.passwordHash);
  const remembered = createMemory(parts.now);
  const gate = createGate();

  return {
    remembers: (name, password) => hashes.has(name) && remembered.has(pairOf(name, password)),
    check: async (name, password) => {
      const hash = hashes.get(name);
      const pair = pairOf(name, password);
      if (hash !== undefined && remembered.has(pair)) return "right";
      // An unknown name takes as long as a wrong password: the time must not tell which names exist.
      const right = await gate(() => verifyPassword(password, hash ?? nobody));
      if (right === undefined) return "busy";
      if (!right || hash === undefined) return "wrong";
      remembered.add(pair);
      return "right";
    },
  };
}

const pairOf = (name: string, password: string) => JSON.stringify([name, password]);

/** Pairs of name and password that were right a moment ago, under a key that is gone with the process. */
function createMemory(now: () => number) {
  const key = randomBytes(32);
  const seenAt = new Map<string, number>();
  const digest = (pair: string) => createHmac("sha256", key).update(pair).digest("base64");
  return {
    has: (pair: string) => {
      const at = seenAt.get(digest(pair));
      return at !== undefined && now() - at < REMEMBERED_MS;
    },
    add: (pair: string) => {
      if (seenAt.size >= MAX_REMEMBERED) seenAt.clear();
      seenAt.set(digest(pair), now());
    },
  };
}

/** Lets a few through at a time, in order; answers `undefined` when too many wait. */
function createGate() {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    if (running >= AT_A_TIME) {
      if (waiting.length >= MAX_WAITING) return undefined;
      // Whoever ends hands its place over: `running` does not change.
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
