/**
 * The policy file: whether it can be had, what it says, and how it goes
 * together with what is cached of it. RFC 8461 sections 3.2, 3.3 and 5.1.
 */
import type { FetchCause, FetchFailure, Policy } from "../mta-sts/answer.ts";
import { weakening } from "../mta-sts/change.ts";
import { isInForce } from "../mta-sts/freshness.ts";
import { policyHost } from "../mta-sts/record.ts";
import type { PolicyFacts } from "./facts.ts";
import { type Finding, finding, type Severity } from "./finding.ts";
import { MAX_AGE_ADVICE, maxAgeNote } from "./max-age.ts";
import { lintPolicy } from "./policy-file.ts";
import { durationWords, list, moment } from "./words.ts";

export function policyFindings(facts: PolicyFacts, now: number): Finding[] {
  const { fetch, alias, domain } = facts;
  const delegated =
    alias === undefined
      ? []
      : [finding("policy", "info", "policy-host-alias", `${policyHost(domain)} is an alias of ${alias}`)];
  if (fetch.kind === "failed") return [...delegated, ...unobtainable(facts, fetch.failure)];
  const { policy, text } = fetch;
  const notes = lintPolicy(text).map(({ line, severity, code, says }) => noteOf(line, severity, code, says));
  return [
    ...delegated,
    modeFinding(policy, facts),
    ...maxAgeFindings(policy),
    ...notes,
    ...cacheFindings(facts, policy, now),
  ];
}

const noteOf = (line: number | undefined, severity: Severity, code: string, says: string) =>
  finding("policy", severity, code, line === undefined ? says : `line ${line}: ${says}`);

/** Without a record nobody looks for a policy: then it is no fault that there is none. */
function unobtainable(facts: PolicyFacts, { cause, detail, resultType }: FetchFailure): Finding[] {
  const { record, domain } = facts;
  if (record.kind === "absent" && facts.texts.length === 0) return [];
  if (record.kind !== "record" && cause === "no-address") return [];
  const host = policyHost(domain);
  const code = codeOf(cause, resultType);
  const without = record.kind === "record" ? "the record announces a policy that cannot be had: " : "";
  return [
    finding("policy", "error", code, `${without}${detail}`, cause === undefined ? undefined : advice(cause, host)),
  ];
}

function codeOf(cause: FetchCause | undefined, resultType: string): string {
  if (cause === undefined) return resultType;
  return cause === "policy" ? "policy-invalid" : `policy-${cause}`;
}

function advice(cause: FetchCause, host: string): string {
  switch (cause) {
    case "no-address":
      return `Give ${host} an address and serve the policy there, or take the record away.`;
    case "address-refused":
      return `Give ${host} a public address. (For a network of your own: network.allow.)`;
    case "unreachable":
      return `See that ${host} answers on port 443, from everywhere and within a minute.`;
    case "tls":
      return `See that ${host} speaks TLS 1.2 or later on port 443.`;
    case "certificate-name":
      return `Give ${host} a certificate with its own name in it, also where it is an alias of another host.`;
    case "certificate-expired":
      return `Renew the certificate of ${host}, and see that this happens by itself.`;
    case "certificate-untrusted":
      return `Give ${host} a certificate from a public authority, sent with its intermediates.`;
    case "redirect":
      return `Serve the file at https://${host}/.well-known/mta-sts.txt itself: redirects are never followed.`;
    case "status":
      return `Serve the file at https://${host}/.well-known/mta-sts.txt with status 200.`;
    case "media-type":
      return "Send it with the header `Content-Type: text/plain`.";
    case "answer":
      return "Send it as it is, uncompressed, with its length, and smaller than 64 KiB.";
    case "policy":
      return "Mend the file: a policy with one wrong line is no policy. `sts-relay check --file` reads it line by line.";
  }
}

function modeFinding({ mode, mx, maxAgeSeconds }: Policy, { record }: PolicyFacts): Finding {
  const words = `mode ${mode}, for ${list(mx)}; kept for ${durationWords(maxAgeSeconds * 1000)}`;
  if (record.kind === "absent" || record.kind === "unusable") {
    return finding("policy", "info", "policy-unseen", `the policy that is served and not announced: ${words}`);
  }
  switch (mode) {
    case "enforce":
      return finding("policy", "ok", "mode-enforce", words);
    case "testing":
      return finding(
        "policy",
        "info",
        "mode-testing",
        `${words}; violations are reported, and mail goes on all the same`,
        "Go to enforce once the reports show no failures.",
      );
    case "none":
      return finding("policy", "info", "mode-none", "mode none: the policy asks for nothing");
  }
}

function maxAgeFindings(policy: Policy): Finding[] {
  const note = maxAgeNote(policy);
  return note === undefined ? [] : [finding("policy", note.severity, note.code, note.says, MAX_AGE_ADVICE)];
}

/** What is cached here stands for what other senders have cached. */
function cacheFindings({ cached, record, domain }: PolicyFacts, published: Policy, now: number): Finding[] {
  if (cached.kind !== "known" || !isInForce(cached.known, now) || record.kind !== "record") return [];
  const { known } = cached;
  const differs = JSON.stringify(known.policy) !== JSON.stringify(published);
  if (known.id === record.id && differs) {
    return [
      finding(
        "policy",
        "error",
        "id-not-changed",
        `the policy was changed and the record's id was not: who has the old one goes by it until ${moment(known.expiresAt)}`,
        `Give the record at _mta-sts.${domain} a new id with every change of the policy.`,
      ),
    ];
  }
  const weaker = differs ? weakening(known.policy, published) : undefined;
  return weaker === undefined
    ? []
    : [finding("policy", "warning", "policy-weaker", `it protects less than the one in use here: ${weaker}`)];
}

/** What this relay has of the policy. */
export function cachedFindings({ cached, record, fetch }: PolicyFacts, now: number): Finding[] {
  if (cached.kind === "away") {
    const says = "what a running relay has cached could not be looked at; this speaks for one that knows nothing yet";
    return [finding("relay", "info", "cache-unknown", says)];
  }
  if (cached.kind === "none") return [finding("relay", "info", "not-cached", "no policy of the domain is cached here")];
  const { id, policy, fetchedAt, expiresAt } = cached.known;
  if (!isInForce(cached.known, now)) {
    return [
      finding("relay", "info", "cache-expired", `the policy cached here, id ${id}, expired on ${moment(expiresAt)}`),
    ];
  }
  const says = `cached here: mode ${policy.mode}, id ${id}, fetched ${durationWords(now - fetchedAt)} ago, valid until ${moment(expiresAt)}`;
  const holds = [finding("relay", "info", "cached", says)];
  if (record.kind === "record" && fetch.kind === "fetched") return holds;
  const gone = `${record.kind === "record" ? "the newer policy cannot be had" : "its record is gone or unusable"}, and the policy that is cached goes on to hold until ${moment(expiresAt)}`;
  const todo =
    "To end MTA-STS, publish mode none first and leave it until max_age is over. If nobody meant to end it, look into it.";
  return [...holds, finding("relay", policy.mode === "none" ? "info" : "warning", "cached-still-holds", gone, todo)];
}
