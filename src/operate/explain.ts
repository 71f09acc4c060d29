/**
 * The story of a message in plain words, for people who know mail and do not
 * know MTA-STS. Values to text; how it is laid out is up to who shows it.
 */
import type { AttemptEntry, HistoryEntry, OutcomeNote } from "../mail/history.ts";
import { explainHost, explainPolicy } from "./explain-attempt.ts";
import type { DomainStory, MessageState, MessageStory } from "./message.ts";
import { fromNow, roughly, timeText } from "./rough-time.ts";

export type Explanation = {
  /** Who wrote to whom, when, and how it came in. */
  about: string[];
  domains: {
    domain: string;
    state: MessageState;
    /** What became of it, in one sentence. */
    summary: string;
    timeline: Step[];
    /** What happens next, and when; empty when nothing does. */
    next: string[];
  }[];
};

export type Step = { at: string; what: string; details: string[] };

export function explain(story: MessageStory, now: number): Explanation {
  return {
    about: aboutWords(story, now),
    domains: story.domains.map((domain) => ({
      domain: domain.domain,
      state: domain.state,
      summary: summaryOf(domain),
      timeline: domain.entries.map((entry, index) => stepOf(entry, domain, index)),
      next: nextWords(domain, story.id, now),
    })),
  };
}

function aboutWords({ accepted }: MessageStory, now: number): string[] {
  if (accepted === undefined) return ["How it came in is not remembered any more."];
  const { from, to, recipients, at, sizeBytes, client, user, protocol, messageId, reportOn } = accepted;
  const more = recipients > to.length ? ` and ${recipients - to.length} more` : "";
  const came =
    reportOn === undefined
      ? `accepted ${timeText(at)} (${fromNow(Date.parse(at), now)})`
      : `written by the relay ${timeText(at)}, a report on message ${reportOn}`;
  const by = client === undefined ? "" : ` from ${client}${user === undefined ? "" : `, logged in as ${user}`}`;
  const how = protocol === undefined ? "" : ` by ${protocol}`;
  return [
    `from ${from === "" ? "<> (nobody: a report)" : from} to ${to.join(", ")}${more}`,
    `${came}${by}${how}, ${sizeBytes} bytes`,
    ...(messageId === undefined ? [] : [`Message-ID: <${messageId}>`]),
  ];
}

function summaryOf({ state, recipients, entries }: DomainStory): string {
  const attempts = entries.filter((entry) => entry.kind === "attempt");
  const last = attempts.at(-1);
  switch (state) {
    case "waiting":
      return "waits for its first attempt";
    case "deferred":
      return `not delivered yet: ${reasonOf(last, recipients)}`;
    case "held":
      return "held back by an operator of this relay";
    case "delivered":
      return `delivered${last === undefined ? "" : protectionOf(last)}`;
    case "failed":
      return `failed: ${reasonOf(last, recipients)}`;
    case "dropped":
      return "taken out of the queue by an operator of this relay, without a report to the sender";
    case "mixed":
      return recipients
        .map(({ address, state: own, detail = "" }) => `${address} ${STATES[own]}: ${detail}`)
        .join("; ");
    case "unknown":
      return "no longer in the queue, and how it left was not written down: a process ended in that moment, or it was taken out by hand";
  }
}

const STATES = { waiting: "waits", delivered: "was reached", failed: "failed" };

function reasonOf(last: AttemptEntry | undefined, recipients: DomainStory["recipients"]): string {
  const details = recipients.filter(({ state }) => state !== "delivered").map(({ detail }) => detail);
  return (
    [...new Set(details)].find((detail) => detail !== undefined) ?? last?.outcomes[0]?.detail ?? "no reason is known"
  );
}

function protectionOf({ hosts }: AttemptEntry): string {
  const host = hosts.findLast(({ result }) => result.startsWith("delivered"));
  if (host?.tls === undefined) return "";
  const violation = host.verdict === "meets" ? "" : `, though this breaks its policy (mode testing: ${host.verdict})`;
  return ` to ${host.host}, ${tlsWords(host.tls)}${violation}`;
}

function tlsWords(tls: string): string {
  if (tls === "in the clear") return "in the clear, without encryption";
  if (tls.endsWith(", verified")) return "encrypted, to a host that proved its name";
  return "encrypted, to a host that did not prove its name";
}

function stepOf(entry: Exclude<HistoryEntry, { kind: "accepted" }>, story: DomainStory, index: number): Step {
  switch (entry.kind) {
    case "attempt":
      return { at: entry.at, what: attemptWords(entry), details: attemptDetails(entry, story, index) };
    case "report":
      return {
        at: entry.at,
        what: `the sender was told${toldWords(entry.actions)}: report ${entry.report} to ${entry.to}, about ${entry.recipients.join(", ")}`,
        details: [],
      };
    case "operator": {
      const why = entry.reason === undefined ? "" : `: ${entry.reason}`;
      const when = entry.ordered === undefined ? "" : " (a worker of the relay does it)";
      return { at: entry.at, what: `${entry.by} ${VERBS[entry.verb]}${when}${why}`, details: [] };
    }
  }
}

const TOLD = { failed: "of the failure", delayed: "that it is late", relayed: "that it was handed on" };

const toldWords = (actions: (keyof typeof TOLD)[] = []) =>
  actions.length === 0 ? "" : ` ${actions.map((action) => TOLD[action]).join(" and ")}`;

const VERBS = {
  retry: "had it tried at once",
  hold: "held it back",
  release: "let it go on",
  bounce: "gave it up, with a report to the sender",
  drop: "took it out of the queue, without a report to the sender",
};

function attemptWords({ attempt, times = 1, firstAt }: AttemptEntry): string {
  if (attempt === 0) return "given up without another attempt";
  if (times === 1) return `attempt ${attempt}`;
  const since = firstAt === undefined ? "" : `, the first of them ${timeText(firstAt)}`;
  return `attempt ${attempt}; the last ${times} attempts went alike${since}`;
}

function attemptDetails({ policy, hosts, outcomes }: AttemptEntry, { domain, entries }: DomainStory, index: number) {
  const before = entries.slice(0, index).findLast((entry) => entry.kind === "attempt")?.policy;
  const words = policy === undefined ? undefined : explainPolicy(policy, domain, hosts.length > 0);
  const isSame = before !== undefined && explainPolicy(before, domain, hosts.length > 0) === words;
  const differ = outcomes.length > 1;
  return [
    ...(words === undefined ? [] : [isSame ? "What is known of the policy is the same." : words]),
    ...hosts.flatMap((host) => explainHost(host, differ)),
    // With hosts the reasons stand there already, but for those that differ by recipient.
    ...(hosts.length === 0 || differ ? outcomes.map(outcomeWords) : []),
  ];
}

function outcomeWords({ to, state, status, detail }: OutcomeNote): string {
  if (state === "delivered") return `${to.join(", ")} was reached at ${detail}`;
  const code = status === undefined ? "" : ` (${status})`;
  return `${to.join(", ")} ${STATES[state]}: ${detail}${code}`;
}

function nextWords({ queue, state }: DomainStory, id: string, now: number): string[] {
  if (queue === undefined) return [];
  const order =
    queue.order === undefined ? [] : [`${queue.order.by} ordered: ${queue.order.verb}. It is about to be done.`];
  if (state === "held") {
    return [`It stays until it is let go: sts-relay queue release ${id}`];
  }
  const end = `If it cannot be delivered until ${timeText(queue.expiresAt)} (${roughly(Math.max(0, Date.parse(queue.expiresAt) - now))} from now), it is given up, and the sender gets a report.`;
  switch (queue.state) {
    case "active":
      return [...order, "An attempt is under way at this moment."];
    case "waiting":
    case "due":
      return [...order, "It is due now, and waits for a worker.", end];
    case "deferred": {
      const at = queue.at ?? queue.expiresAt;
      return [...order, `It is tried again at ${timeText(at)} (${fromNow(Date.parse(at), now)}).`, end];
    }
    case "held":
      return order;
  }
}
