/**
 * Was it as it must be? Compares what the relay says became of a message with
 * what the lab's hosts saw of it. Values only.
 */
import type { Expectation, Protection, TourOutcome } from "./lab-domain.ts";

/** What one MX host of the domain saw while the message was on its way. */
export type HostSight = {
  host: string;
  /** The message as it arrived, each time: with the protocol it came under, or in clear. */
  arrived: { tls: string | undefined }[];
  /** Bytes of envelope or body, of whatever message. */
  leakedBytes: number;
};

/** What is not as it must be, in words; `undefined`: all is. */
export function problemWith(expect: Expectation, told: TourOutcome, seen: HostSight[]): string | undefined {
  const wrong = [...problemsOfTale(expect, told), ...problemsOfSight(expect, told.tls, seen)];
  return wrong.length === 0 ? undefined : wrong.join("; ");
}

function problemsOfTale(expect: Expectation, told: TourOutcome): string[] {
  const wrong: string[] = [];
  const protections = [expect.tls].flat();
  if (told.outcome !== expect.outcome) wrong.push(`${told.outcome}, and ${expect.outcome} is right`);
  if (!protections.includes(told.tls)) wrong.push(`sent ${told.tls}, and ${protections.join(" or ")} is right`);
  if (told.violation !== (expect.violation ?? false)) {
    wrong.push(told.violation ? "a violation was logged that is none" : "no violation was logged");
  }
  if (expect.reason?.test(told.reason) === false) wrong.push(`the reason does not say ${expect.reason.source}`);
  return wrong;
}

function problemsOfSight(expect: Expectation, told: Protection, seen: HostSight[]): string[] {
  const wrong: string[] = [];
  const arrived = seen.flatMap((sight) => sight.arrived);
  const shouldArrive = expect.outcome === "delivered" || expect.outcome === "mixed";
  if (shouldArrive && arrived.length === 0) wrong.push("the message is at none of the domain's hosts");
  if (!shouldArrive && arrived.length > 0) wrong.push("the message has arrived all the same");
  if (shouldArrive && arrived.length > 1) wrong.push(`the message has arrived ${arrived.length} times`);
  const inClear = arrived.some(({ tls }) => tls === undefined);
  if (inClear && told !== "clear") wrong.push(`the relay says ${told}, and the message came in clear`);
  if (!inClear && told === "clear" && arrived.length > 0)
    wrong.push("the relay says clear, and the message came under TLS");
  const nothingAnywhere = [expect.tls].flat().every((protection) => protection === "none");
  for (const { host, leakedBytes } of seen) {
    const mustLearnNothing = nothingAnywhere || expect.nothingAt?.includes(host) === true;
    if (mustLearnNothing && leakedBytes > 0) wrong.push(`${host} learnt ${leakedBytes} bytes of the message`);
  }
  return wrong;
}
