/**
 * Who is let in at the admin port. With neither users nor a token, everybody who
 * can reach it: the relay does not start so beyond loopback.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { readCredentials } from "./credentials.ts";

export type DoorParts = {
  /** Where there is neither, nobody needs to log in. */
  token?: string | undefined;
  /** Absent: there are no users. */
  login?: {
    /** The pair was right a moment ago. */
    remembers(name: string, password: string): boolean;
    check(name: string, password: string): Promise<"right" | "wrong" | "busy">;
  };
  /** Slows guessing, by address and by name, over all processes. */
  guard: {
    attempt(
      who: { address: string; name: string },
      check: () => Promise<"right" | "wrong" | "busy">,
      signal: AbortSignal,
    ): Promise<"right" | "wrong" | "busy" | "gone" | { lockedForMs: number }>;
  };
};

export type Entry =
  /** `name` is who did it, for the trail. */
  | { kind: "in"; name: string }
  /** Nobody has said who he is. */
  | { kind: "unknown" }
  | { kind: "wrong"; name: string }
  | { kind: "later"; seconds: number };

/** Of those who did not need to say. */
const NOBODY = "admin port";
/** Of those who know the token. */
const TOKEN_HOLDER = "admin token";

export async function enter(
  { token, login, guard }: DoorParts,
  { authorization, address }: { authorization: string | undefined; address: string },
  signal: AbortSignal,
): Promise<Entry> {
  if (token === undefined && login === undefined) return { kind: "in", name: NOBODY };
  const given = readCredentials(authorization);
  if (given.kind === "none") return { kind: "unknown" };
  const { name, password } = pairOf(given);
  // A right token costs nothing to check: a scrape every few seconds is not counted as an attempt.
  if (token !== undefined && isSame(password, token)) {
    return { kind: "in", name: given.kind === "basic" && name !== "" ? name : TOKEN_HOLDER };
  }
  if (login?.remembers(name, password) === true) return { kind: "in", name };
  const check = async () => (given.kind === "basic" && login !== undefined ? login.check(name, password) : "wrong");
  const answer = await guard.attempt({ address, name }, check, signal);
  if (typeof answer === "object") return { kind: "later", seconds: Math.max(1, Math.ceil(answer.lockedForMs / 1_000)) };
  switch (answer) {
    case "right":
      return { kind: "in", name };
    case "wrong":
      return { kind: "wrong", name };
    case "busy":
    case "gone":
      return { kind: "later", seconds: 1 };
  }
}

function pairOf(given: ReturnType<typeof readCredentials>): { name: string; password: string } {
  switch (given.kind) {
    case "basic":
      return given;
    case "bearer":
      return { name: "", password: given.token };
    case "none":
    case "malformed":
      return { name: "", password: "" };
  }
}

/** In the same time whatever they are: of the same length, as digests. */
const isSame = (a: string, b: string) => timingSafeEqual(digest(a), digest(b));
const digest = (text: string) => createHash("sha256").update(text).digest();
