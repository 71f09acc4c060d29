/**
 * Domains whose hosts meet the policy and then answer as hosts do: later, no,
 * not at all. RFC 5321 section 4.2, RFC 7505 (null MX).
 */
import type { ReplyLine } from "../mx-behaviour.ts";
import type { LabDomain } from "../lab-domain.ts";

export const replies = (): LabDomain[] => [
  {
    name: "greylisted.test",
    shows: "the mail server puts off a sender it does not know yet (greylisting)",
    setup: { mx: [{ behaviour: { rcpt: greylisting() } }], policy: {} },
    expect: { outcome: "deferred", tls: "verified", reason: /try again/i },
    next: {
      shows: "greylisting again: the second message finds the sender known",
      change: () => undefined,
      expect: { outcome: "delivered", tls: "verified" },
    },
  },
  {
    name: "mixed-recipients.test",
    shows: "three recipients: one is taken, one put off, one refused",
    setup: { mx: [{ behaviour: { rcpt: byName } }], policy: {} },
    recipients: ["taken", "later", "refused"],
    expect: { outcome: "mixed", tls: "verified" },
  },
  {
    name: "drop-in-data.test",
    shows: "the connection breaks in the middle of the message",
    setup: { mx: [{ behaviour: { drop: "during-message" } }], policy: {} },
    expect: { outcome: "deferred", tls: "verified" },
  },
  {
    name: "null-mx.test",
    shows: "the domain declares that it takes no mail (null MX)",
    setup: { mx: [], mxRecords: "null" },
    expect: { outcome: "failed", tls: "none", reason: /null MX|no mail|not accept|7505|5\.1\.10/i },
  },
];

/** 451 to each pair of sender and recipient that is new. */
function greylisting(): (to: string, from: string) => ReplyLine | undefined {
  const known = new Set<string>();
  return (to, from) => {
    const pair = `${from} ${to}`;
    if (known.has(pair)) return undefined;
    known.add(pair);
    return "451 4.7.1 greylisted, try again later";
  };
}

function byName(to: string): ReplyLine | undefined {
  if (to.startsWith("later@")) return "452 4.2.2 mailbox full";
  return to.startsWith("refused@") ? "550 5.1.1 no such user" : undefined;
}
