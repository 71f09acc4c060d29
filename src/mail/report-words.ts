/**
 * What a report says to a person: what happened, whose matter it is, and what
 * to do about it, in plain words. One entry for each kind of reason.
 */
import { mailDate } from "./date.ts";
import type { Cause } from "./cause.ts";
import type { Action, DeliveryReport, ReportedRecipient } from "./delivery-report.ts";

type Words = {
  /** What happened; the detail follows. */
  what: string;
  /** Who does what about it: while the relay goes on trying, and when it has given up. */
  delayed: string;
  failed: string;
};

const NOTHING = "There is nothing for you to do.";
const AGAIN = "Please send your message again later.";
const ANOTHER_WAY = "Until then, reach the recipient in another way.";

/** The domain's mail hosts break what the domain itself asks for. */
function brokenPolicy(domain: string, what: string, todo: string): Words {
  return {
    what: `${domain} asks that mail be sent to it over encrypted connections to hosts that prove their name, and over no others (MTA-STS). ${what} Your message was not sent over an unsafe connection.`,
    delayed: `${NOTHING} The administrator of ${domain} ${todo}`,
    failed: `The administrator of ${domain} ${todo} ${ANOTHER_WAY}`,
  };
}

function wordsFor(cause: Cause, domain: string): Words {
  switch (cause) {
    case "certificate-expired":
      return brokenPolicy(domain, "The certificate of its mail host has expired.", "must renew it.");
    case "certificate-host-mismatch":
      return brokenPolicy(
        domain,
        "The certificate of its mail host is made out to another name.",
        "must install one that has the host's name in it.",
      );
    case "certificate-not-trusted":
      return brokenPolicy(
        domain,
        "The certificate of its mail host does not come from an authority that is trusted.",
        "must install one that does.",
      );
    case "starttls-not-supported":
      return brokenPolicy(
        domain,
        "Its mail host offers no encryption, or somebody on the way takes the offer out.",
        "must see to it that the host offers STARTTLS.",
      );
    case "validation-failure":
      return brokenPolicy(
        domain,
        "No such connection could be made.",
        "must make its mail hosts and its published policy agree.",
      );
    case "policy-unknown":
      return {
        what: `Whether ${domain} asks for encrypted connections (MTA-STS) could not be found out.`,
        delayed: `${NOTHING} It is looked up again at each attempt.`,
        failed: `The administrator of ${domain} should look at its DNS and its policy host.`,
      };
    case "relay-rule":
      return {
        what: `A rule of this mail relay says how mail to ${domain} must be protected, and no connection that keeps it could be made.`,
        delayed: "Your own administrator knows that rule.",
        failed: "Please ask your own administrator, who knows that rule.",
      };
    case "dns":
      return {
        what: `The DNS did not say where mail to ${domain} goes.`,
        delayed: NOTHING,
        failed: `Please check the address. If it is right, the administrator of ${domain} should look at its DNS.`,
      };
    case "no-such-domain":
      return {
        what: `There is no place for mail to ${domain}.`,
        delayed: "Please check the part of the address behind the @.",
        failed: "Please check the part of the address behind the @, and send your message again.",
      };
    case "takes-no-mail":
      return {
        what: `${domain} says of itself that it takes no mail.`,
        delayed: "Please check the part of the address behind the @.",
        failed: "Please check the part of the address behind the @.",
      };
    case "unreachable":
      return {
        what: `No mail host of ${domain} could be reached.`,
        delayed: NOTHING,
        failed: `${AGAIN} If it goes on, the administrator of ${domain} must see to it.`,
      };
    case "session":
      return {
        what: `The mail host of ${domain} did not go on with the conversation.`,
        delayed: NOTHING,
        failed: `${AGAIN} If it goes on, the administrator of ${domain} must see to it.`,
      };
    case "reply":
      return {
        what: `The mail host of ${domain} did not take your message, and said why:`,
        delayed: `${NOTHING} The host asked to come again later.`,
        failed: "Please check the address. What the host says is beyond this relay.",
      };
    case "does-not-fit":
      return {
        what: `The mail host of ${domain} takes no messages of this kind.`,
        delayed: NOTHING,
        failed: "Please send it in another form: smaller, or to an address in plain ASCII.",
      };
    case "operator":
      return {
        what: "An administrator of this mail relay has taken your message out of the queue.",
        delayed: NOTHING,
        failed: "Please ask your own administrator.",
      };
    case "relay":
      return {
        what: "The fault is with this mail relay.",
        delayed: NOTHING,
        failed: "Please send your message again, and tell your own administrator.",
      };
  }
}

const SUBJECTS: Record<Action, string> = {
  failed: "Your message could not be delivered",
  delayed: "Your message is delayed",
  relayed: "Your message was handed on",
};

const ACTIONS: Action[] = ["failed", "delayed", "relayed"];

/** By the weightiest of what happened. */
export function subjectOf({ recipients }: DeliveryReport): string {
  const action = ACTIONS.find((each) => recipients.some((recipient) => recipient.action === each));
  return SUBJECTS[action ?? "failed"];
}

/** The whole text, CRLF line ends. */
export function humanPart(report: DeliveryReport): string {
  const { hostname, message } = report;
  const sections = ACTIONS.flatMap((action) => {
    const recipients = report.recipients.filter((recipient) => recipient.action === action);
    return recipients.length === 0 ? [] : [wrapped(heading(action, recipients.length, report)), ...groups(recipients)];
  });
  const blocks = [
    `This is the mail relay ${hostname}.`,
    ...sections,
    wrapped(`When you ask the administrator about it, give this id: ${message}.`),
  ];
  return `${blocks.join("\n\n")}\n`.replaceAll("\n", "\r\n");
}

function heading(action: Action, count: number, { acceptedAt, expiresAt }: DeliveryReport): string {
  const date = mailDate(acceptedAt);
  const to = count === 1 ? "this recipient" : "these recipients";
  switch (action) {
    case "failed":
      return `Your message of ${date} could not be delivered to ${to}. It will not be tried again.`;
    case "delayed":
      return `Your message of ${date} has not been delivered to ${to} yet: it is held since then. You need not send it again. It will be tried until ${mailDate(expiresAt)}; should it fail for good, you will be told.`;
    case "relayed":
      return `Your message of ${date} was handed to the mail host of ${to}. That host sends no confirmations, so this is the last one that you get.`;
  }
}

/** Recipients with the same reason together. */
function groups(recipients: ReportedRecipient[]): string[] {
  const byReason = Map.groupBy(recipients, ({ address: _, orcpt: _orcpt, ...reason }) => JSON.stringify(reason));
  return [...byReason.values()].map((group) => groupWords(group));
}

function groupWords(group: ReportedRecipient[]): string {
  const [first] = group;
  const addresses = group.map(({ address }) => `<${address}>`).join("\n");
  return first === undefined
    ? ""
    : `${addresses}\n${reasonWords(first)
        .map((text) => wrapped(text, "    "))
        .join("\n\n")}`;
}

function reasonWords({ address, action, cause, detail, status, said }: ReportedRecipient): string[] {
  const exact = said === undefined ? `${detail} (${status})` : `${said.host} said: ${said.reply}`;
  if (cause === undefined || action === "relayed") return [exact];
  const words = wordsFor(cause, address.slice(address.lastIndexOf("@") + 1));
  return [words.what, exact, words[action]];
}

const MOST_COLUMNS = 76;

/** Broken between words; a word that is too long stays whole. */
function wrapped(text: string, indent = ""): string {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= MOST_COLUMNS)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(indent + word);
  }
  return lines.join("\n");
}
