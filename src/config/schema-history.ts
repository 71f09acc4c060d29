/** Settings of the message history. */
import { duration, wholeNumber } from "./kinds.ts";
import { section, setting } from "./setting.ts";

export const history = section(
  "What is remembered of each message, for `sts-relay message` and `messages`. Kept in Redis, a kilobyte or less for a message as a rule.",
  {
    retention: setting(duration("1m", "365d"), {
      says: "How long after the latest thing that happened to it a message is remembered.",
      default: "7d",
    }),
    maxMessages: setting(wholeNumber(0, 100_000_000), {
      says: "Most messages to remember: beyond, the oldest are forgotten. 0: remember none. Fewer are kept when Redis' memory is short.",
      default: 200_000,
    }),
  },
);
