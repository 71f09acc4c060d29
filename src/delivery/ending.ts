/**
 * What an attempt's outcomes say of the destination itself. Greylisting is no
 * fault of it, and neither is a policy that its hosts do not meet.
 */
import type { Ending } from "./destination.ts";
import { type Deferral, deferral, type Outcome } from "./outcome.ts";

/** Replies by which hosts ask for less: RFC 5321 section 3.8 (421), and the words in use for rates. */
const ASKS_FOR_LESS =
  /\b421\b|too many (connections|messages|sessions|concurrent)|rate.?limit|slow down|throttl|try again later.*(busy|load)/i;

/** `detail` is why no session could be had, in plain words. */
export function endingOf(outcomes: Iterable<Outcome>): { ending: Ending; detail: string } {
  const all = [...outcomes];
  const deferrals = all.filter((outcome) => outcome.kind === "deferred");
  const detail = deferrals[0]?.detail ?? "";
  if (deferrals.some((outcome) => ASKS_FOR_LESS.test(outcome.detail))) return { ending: "slow-down", detail };
  if (all.some((outcome) => outcome.kind === "delivered" || isReply(outcome))) return { ending: "spoke", detail };
  const unreachable =
    deferrals.length > 0 && deferrals.every(({ reason }) => reason === "unreachable" || reason === "session");
  return { ending: unreachable ? "no-session" : "nothing", detail };
}

/** A host's own word on the message or a recipient. */
const isReply = (outcome: Outcome): boolean =>
  (outcome.kind === "deferred" && outcome.reason === "reply") ||
  (outcome.kind === "failed" && outcome.detail.includes(" said: "));

/** For a message that is not tried because its destination is closed. */
export function closedDeferral(destination: string, closed: { until: number; because: string }): Deferral {
  const until = new Date(closed.until).toISOString();
  const detail = `not tried: ${destination} could not be reached lately and is left alone until ${until} (${closed.because})`;
  return deferral("unreachable", "4.4.1", detail);
}
