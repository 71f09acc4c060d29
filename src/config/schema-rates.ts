/**
 * Settings that bound how much mail is taken in a time.
 */
import { rate } from "./rate.ts";
import { optional, section } from "./setting.ts";

const limit = (says: string, example: string) => optional(rate(), { says, defaultIs: "no limit", example });

/** Counted over all processes; what is over a limit is answered 451 with the time to wait. */
export const rates = section(
  "How much mail is taken in a time, counted over all processes. What is over it is answered 451 4.7.1, with the seconds until there is room again. Each limit that is set costs Redis a command for each message or recipient.",
  {
    perClient: section("From one address (IPv6: from one /64).", {
      messages: limit("Messages.", "1000/1m"),
      recipients: limit("Recipients, each counted for each message.", "10000/1m"),
    }),
    perUser: section("From one user that has logged in, from wherever.", {
      messages: limit("Messages.", "1000/1m"),
      recipients: limit("Recipients.", "10000/1m"),
    }),
    total: section("From all together.", {
      messages: limit("Messages.", "10000/1m"),
      recipients: limit("Recipients.", "100000/1m"),
    }),
  },
);
