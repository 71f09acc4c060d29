/**
 * Judges the address of a MAIL or RCPT command and brings it to the form of the
 * envelope: the local part as it is, the domain in lower case as A-labels.
 * RFC 5321 sections 4.1.2, 4.1.3 and 4.5.3.1, RFC 6531 section 3.3.
 */
import { isIPv4, isIPv6 } from "node:net";
import type { Domain } from "../dns/answer.ts";
import { toDomain } from "../dns/name.ts";
import { isAsciiText } from "../mail/ascii-text.ts";
import type { Reply } from "./reply.ts";

export type AddressRules = {
  /** The client announced SMTPUTF8 for this message. */
  smtputf8: boolean;
  /** Recipients like `user@[192.0.2.1]` are taken. */
  allowLiterals: boolean;
  /** The relay's own name, which completes `<Postmaster>`. */
  hostname: Domain;
};

export type JudgedAddress = { kind: "address"; address: string } | { kind: "refused"; reply: Reply };

/** RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.3: a path is at most 256 octets, two of them its angle brackets. */
const MAX_LOCAL_PART_OCTETS = 64;
const MAX_ADDRESS_OCTETS = 254;

const UTF8_NON_ASCII = String.raw`\u{a0}-\u{d7ff}\u{e000}-\u{fffc}\u{10000}-\u{10ffff}`;
const ATOM = `[\\w!#$%&'*+/=?^\`{|}~${UTF8_NON_ASCII}-]+`;
const QUOTED = `"(?:[ !#-[\\]-~${UTF8_NON_ASCII}]|\\\\[ -~])*"`;
/**
 * Dot-string or Quoted-string, with the non-ASCII characters of RFC 6531. Control
 * characters of both sets are outside, and U+FFFD, which stands for bytes that were not UTF-8.
 */
const LOCAL_PART = new RegExp(`^(?:${ATOM}(?:\\.${ATOM})*|${QUOTED})$`, "u");

type Side = "sender" | "recipient";

/** The status codes differ by side. RFC 3463 section 3.2. */
const SYNTAX = { sender: "5.1.7", recipient: "5.1.3" } as const;
const SYSTEM = { sender: "5.1.8", recipient: "5.1.2" } as const;

/** Of MAIL. `""` is the null sender, and welcome. */
export function judgeSender(text: string, rules: AddressRules): JudgedAddress {
  if (text === "") return { kind: "address", address: "" };
  return judge(text, "sender", rules);
}

/** Of RCPT. `<Postmaster>` without a domain must be taken, and is the relay's own. RFC 5321 section 4.1.1.3. */
export function judgeRecipient(text: string, rules: AddressRules): JudgedAddress {
  return judge(/^postmaster$/i.test(text) ? `${text}@${rules.hostname}` : text, "recipient", rules);
}

function judge(text: string, side: Side, rules: AddressRules): JudgedAddress {
  const at = text.lastIndexOf("@");
  const localPart = text.slice(0, Math.max(at, 0));
  const place = text.slice(at + 1);
  if (!LOCAL_PART.test(localPart)) return refused(501, SYNTAX[side], `Bad ${side} address syntax`);
  if (Buffer.byteLength(localPart) > MAX_LOCAL_PART_OCTETS) {
    return refused(553, SYNTAX[side], "Local part is longer than 64 octets");
  }
  if (!rules.smtputf8 && !isAsciiText(localPart)) {
    // RFC 6531 section 3.5. The domain alone may be non-ASCII: it has an ASCII form.
    return refused(553, "5.6.7", "Non-ASCII local part needs SMTPUTF8");
  }
  const judged = place.startsWith("[") ? judgeLiteral(place, side, rules) : judgeDomain(place, side);
  if (judged.kind === "refused") return judged;
  const address = `${localPart}@${judged.place}`;
  if (Buffer.byteLength(address) > MAX_ADDRESS_OCTETS) return refused(553, SYNTAX[side], "Address is too long");
  return { kind: "address", address };
}

type JudgedPlace = { kind: "place"; place: string } | { kind: "refused"; reply: Reply };

function judgeDomain(text: string, side: Side): JudgedPlace {
  const domain = toDomain(text);
  if (domain === undefined) return refused(553, SYSTEM[side], `Bad ${side} domain`);
  // "sales" is an alias of somebody's network, and nobody outside can answer it.
  // RFC 5321 section 2.3.5; RFC 6409 section 4.2 gives the code.
  if (!domain.includes(".")) return refused(554, SYSTEM[side], `Domain of ${side} is not fully qualified`);
  return { kind: "place", place: domain };
}

/** RFC 5321 section 4.1.3. A literal has no policy domain, so MTA-STS cannot protect mail to it. */
function judgeLiteral(text: string, side: Side, rules: AddressRules): JudgedPlace {
  const literal = canonicalLiteral(text);
  if (literal === undefined) return refused(501, SYNTAX[side], "Bad address literal");
  if (side === "recipient" && !rules.allowLiterals) {
    return refused(553, "5.1.2", "Recipients at address literals are not accepted");
  }
  return { kind: "place", place: literal };
}

function canonicalLiteral(text: string): string | undefined {
  const inner = /^\[([^[\]%]+)\]$/.exec(text)?.[1]?.toLowerCase() ?? "";
  if (isIPv4(inner)) return `[${inner}]`;
  const six = inner.startsWith("ipv6:") ? inner.slice("ipv6:".length) : "";
  return isIPv6(six) ? `[IPv6:${six}]` : undefined;
}

function refused(code: number, status: Reply["status"], text: string): { kind: "refused"; reply: Reply } {
  return { kind: "refused", reply: { code, status, text } };
}
