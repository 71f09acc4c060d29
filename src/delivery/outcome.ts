/**
 * What became of one recipient in one attempt, from the phase and the rule it
 * ended in, never from the SMTP code alone.
 * RFC 5321 section 4.2.1, RFC 3463, RFC 8461 section 5.
 */
import type { Cause } from "../mail/cause.ts";
import type { RecipientAnswer } from "../smtp/transaction.ts";
import type { SetupFailure } from "../smtp/failure.ts";
import type { Reply } from "../smtp/reply.ts";
import type { ResultType } from "../tls/verdict.ts";

export type Outcome =
  /** `relayed`: the host sends no reports, and the sender wants one. RFC 3461 section 5.2.2. */
  | { kind: "delivered"; host: string; tls: string; reply: string; relayed?: true }
  /** Tried again later: the cause may pass. Whatever went wrong before MAIL FROM is of this kind. */
  | Deferral
  /** Given up: the sender gets a bounce. */
  | Failure;

export type Deferral = {
  kind: "deferred";
  reason: DeferReason;
  status: `4.${number}.${number}`;
  detail: string;
  /** With `policy-violation`, where it is the domain's own policy that is violated. */
  resultType?: ResultType;
  said?: Said;
};
export type Failure = {
  kind: "failed";
  status: `5.${number}.${number}`;
  detail: string;
  /** Default: a host said so. */
  cause?: Cause;
  said?: Said;
};

/** The reply that decided. */
export type Said = { host: string; reply: string };

export type DeferReason =
  /** The policy could not be found out, or the operator requires one and there is none. */
  | "policy-unknown"
  | "policy-required"
  /** No host met what the policy or the operator asks for. */
  | "policy-violation"
  | "dns"
  | "unreachable"
  | "session"
  | "reply"
  /** The relay is stopping, or its own storage is away. */
  | "relay";

/** From a reply to MAIL, RCPT, DATA or to the message. Only these are the host's word on the message itself. */
export function outcomeOfAnswer(answer: RecipientAnswer, host: string, tls: string): Outcome {
  const { reply, stage } = answer;
  const words = `${host} said: ${reply.text}`;
  const said = { host, reply: reply.text };
  if (reply.code >= 500) return { kind: "failed", status: failedStatus(reply, stage), detail: words, said };
  if (reply.code < 400 && stage === "message") return { kind: "delivered", host, tls, reply: reply.text };
  return { ...deferral("reply", deferredStatus(reply), words), said };
}

/** What the sender is told that it comes from. */
export function causeOf(outcome: Deferral | Failure): Cause {
  if (outcome.kind === "failed") return outcome.cause ?? "reply";
  switch (outcome.reason) {
    case "policy-violation":
      return outcome.resultType ?? "relay-rule";
    case "policy-required":
      return "relay-rule";
    case "policy-unknown":
    case "dns":
    case "unreachable":
    case "session":
    case "reply":
    case "relay":
      return outcome.reason;
  }
}

/** A session that could not be had. The host's reply to anything before MAIL FROM is no word on the message, also when it was 5xx. */
export function deferralOfSetup(failure: SetupFailure, host: string): Deferral {
  const detail = `${host}: ${failure.detail}`;
  switch (failure.phase) {
    case "connect":
      return deferral("unreachable", "4.4.1", detail);
    case "greeting":
    case "ehlo":
      return deferral("session", "4.4.2", detail);
    case "starttls":
      return deferral("policy-violation", "4.7.10", detail);
    case "handshake":
      return deferral("policy-violation", "4.7.5", detail);
    case "login":
      return deferral("session", "4.7.8", detail);
  }
}

export function deferral(reason: DeferReason, status: Deferral["status"], detail: string): Deferral {
  return { kind: "deferred", reason, status, detail };
}

/** A shortfall against a requirement. X.7.10 is "encryption needed", X.7.5 "cryptographic failure". */
export function statusOfShortfall(resultType: ResultType): Deferral["status"] {
  return resultType === "starttls-not-supported" ? "4.7.10" : "4.7.5";
}

function failedStatus(reply: Reply, stage: RecipientAnswer["stage"]): Failure["status"] {
  if (reply.status?.startsWith("5.")) return reply.status as Failure["status"];
  if (reply.code === 552) return "5.3.4";
  return stage === "rcpt" ? "5.1.1" : "5.0.0";
}

function deferredStatus(reply: Reply): Deferral["status"] {
  if (reply.status?.startsWith("4.")) return reply.status as Deferral["status"];
  return reply.code === 452 ? "4.3.1" : "4.0.0";
}

/** How much a reason tells: the one that explains best why a message waits goes first. */
const TELLING: Record<DeferReason, number> = {
  "policy-violation": 7,
  "policy-required": 6,
  "policy-unknown": 5,
  reply: 4,
  session: 3,
  dns: 2,
  unreachable: 1,
  relay: 0,
};

/** One deferral out of what the hosts of a walk gave: the most telling reason, all details. */
export function combine(deferrals: Deferral[]): Deferral {
  const [first, ...others] = [...deferrals].sort((a, b) => TELLING[b.reason] - TELLING[a.reason]);
  if (first === undefined) return deferral("dns", "4.4.4", "no host to deliver to");
  const details = [...new Set([first.detail, ...others.map((other) => other.detail)])];
  return { ...first, detail: details.slice(0, 5).join("; ") };
}
