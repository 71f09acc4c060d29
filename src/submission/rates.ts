/**
 * How much mail a client, a user and all together may hand in within a time.
 * RFC 5321 section 4.2.1: a 4yz reply asks the client to come again.
 */
import type { Limiter } from "../store/limiter.ts";
import { clientKey } from "./limits.ts";
import type { Reply } from "./reply.ts";

/** Absent limits do not hold, and cost nothing. */
export type Scopes<T> = { perClient?: T; perUser?: T; total?: T };

export type Rates = { messages: Scopes<Limiter>; recipients: Scopes<Limiter> };

/** One who hands in mail. */
export type Sender = { address: string; user: string | undefined };

type Scope = keyof Scopes<unknown>;

/** The narrowest first: a client that is over its own limit must not use up what is for all. */
const SCOPES: Scope[] = ["perClient", "perUser", "total"];

const WHOSE: Record<Scope, string> = { perClient: "from your address", perUser: "from you", total: "at the moment" };

/**
 * Counts one message or recipient, and says so where that is one too many;
 * `undefined` without asking anyone where no limit is set.
 */
export function refuseForRate(what: keyof Rates, rates: Rates, sender: Sender): Promise<Reply | undefined> | undefined {
  const limits = SCOPES.flatMap((scope) => {
    const limiter = rates[what][scope];
    const key = limiter && keyOf(scope, sender);
    return limiter === undefined || key === undefined ? [] : [{ scope, limiter, key }];
  });
  return limits.length === 0 ? undefined : take(what, limits);
}

async function take(
  what: keyof Rates,
  limits: { scope: Scope; limiter: Limiter; key: string }[],
): Promise<Reply | undefined> {
  for (const { scope, limiter, key } of limits) {
    const { allowed, resetMs } = await limiter.take(key);
    if (!allowed) return tooMany(`Too many ${what} ${WHOSE[scope]}`, resetMs);
  }
  return undefined;
}

function keyOf(scope: Scope, { address, user }: Sender): string | undefined {
  switch (scope) {
    case "perClient":
      return clientKey(address);
    case "perUser":
      return user;
    case "total":
      return "all";
  }
}

/** 451 is among the replies of MAIL as of RCPT. RFC 5321 section 4.3.2; 4.7.1 is for what policy refuses, RFC 3463 section 3.8. */
function tooMany(why: string, resetMs: number): Reply {
  return { code: 451, status: "4.7.1", text: `${why}, try again in ${inSeconds(resetMs)}` };
}

/** Rounded up: who comes again by then must not be early. */
export const inSeconds = (ms: number): string => `${Math.max(1, Math.ceil(ms / 1_000))} s`;
