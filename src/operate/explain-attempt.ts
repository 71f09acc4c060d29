/** One attempt in plain words: the policy it went by, and how each host fared. */
import type { HostNote, PolicyNote } from "../mail/history.ts";
import { timeText } from "./rough-time.ts";

/** @param wentOn hosts were tried after this was found out */
export function explainPolicy(policy: PolicyNote, domain: string, wentOn: boolean): string {
  switch (policy.kind) {
    case "policy":
      return `${domain} publishes an MTA-STS policy (id ${policy.id}, fetched ${timeText(policy.fetchedAt)}, mode ${policy.mode}): ${MODES[policy.mode]}${recordWords(policy)}`;
    case "none":
      return `${noneWords(policy, domain)}${wentOn ? " So encryption is used where a host offers it, and nothing must be proved." : ""}`;
    case "unknown":
      return `Whether ${domain} has an MTA-STS policy could not be found out: ${policy.detail}. ${wentOn ? "As this relay is set up, mail goes on without one." : "It might ask for protection, so the message waits."}`;
  }
}

const MODES = {
  enforce:
    "its mail may go only to mail hosts that the policy lists, encrypted, and to a host that proves its name by a valid certificate.",
  testing:
    "its mail should go only to listed hosts that prove their names over encryption; while the policy is being tried out, mail that breaks it is delivered all the same, and the breach noted.",
  none: "it asks for no protection.",
};

function recordWords({ record, detail }: PolicyNote & { kind: "policy" }): string {
  switch (record) {
    case "same":
    case "fetched":
      return "";
    case "unavailable":
    case "could-not-ask":
      return " Its DNS record could not be had this time; the policy that is known holds on.";
    case "changed-fetch-failed":
      return ` A newer one is announced and could not be had${detail === undefined ? "" : ` (${detail})`}; the policy that is known holds on.`;
  }
}

function noneWords({ because, detail }: PolicyNote & { kind: "none" }, domain: string): string {
  switch (because) {
    case "no-record":
      return `${domain} publishes no MTA-STS policy (${detail}).`;
    case "bad-record":
      return `${domain} has no valid MTA-STS record (${detail}), which counts as none (RFC 8461 section 3.1).`;
    case "fetch-failed":
      return `${domain} announces an MTA-STS policy, but it could not be had (${detail}), and no older one is known; that counts as none (RFC 8461 section 3.3).`;
    case "not-a-domain":
      return `There is no MTA-STS policy for it: ${detail}.`;
  }
}

/**
 * What was asked of the host, what it showed, and what followed.
 * @param differ recipients fared differently in this attempt, which is told apart
 */
export function explainHost(note: HostNote, differ: boolean): string[] {
  const where = note.address === undefined ? note.host : `${note.host} (${note.address})`;
  const shown = shownWords(note);
  return [
    `${where}: ${resultWords(note, differ)}`,
    ...requiredWords(note.required).map((line) => `  ${line}`),
    ...(shown === "" ? [] : [`  It showed: ${shown}.`]),
  ];
}

function resultWords({ verdict, result }: HostNote, differ: boolean): string {
  const refused = /^refused(?: before connecting)?: (.*)$/s.exec(result)?.[1];
  if (refused !== undefined) return `not used, because ${refused}. Nothing of the message was sent to it.`;
  const reply = /^delivered: (.*)$/s.exec(result)?.[1];
  const taken = differ ? "answered for each recipient" : `took the message, saying "${reply}"`;
  const words = reply === undefined && !(differ && verdict === "meets") ? result : taken;
  return verdict === "meets" || verdict === "none"
    ? `${words}.`
    : `${words}. It breaks the policy (${verdict}), which asks only to note that.`;
}

/** The ordinary cases follow from the policy, and have been said with it. */
function requiredWords(required: string): string[] {
  const isPlain = required.startsWith("MTA-STS ") && !/by the operator|exception:/.test(required);
  return isPlain || required === "opportunistic TLS, no policy" ? [] : [`It had to meet: ${required}.`];
}

function shownWords({ tls, certificate, result }: HostNote): string {
  // That it was not secured is why it was refused.
  if (tls === undefined || (tls === "in the clear" && result.startsWith("refused"))) return "";
  if (tls === "in the clear") return "no encryption";
  if (certificate === undefined) return tls;
  const { names, issuer, expiresAt } = certificate;
  const named = names.length === 0 ? "a certificate without a host name" : `a certificate for ${names.join(", ")}`;
  const until = expiresAt === undefined ? "" : `, valid until ${expiresAt.slice(0, 10)}`;
  return `${tls}; ${named}, issued by ${issuer}${until}`;
}
