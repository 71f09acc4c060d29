/**
 * Text to domain name, in the one form the relay compares and stores: lower
 * case, A-labels, no trailing dot. RFC 1035 section 2.3.1 and RFC 1123
 * section 2.1 (letters, digits, hyphen), RFC 5890 (A-labels).
 */
import { domainToASCII } from "node:url";
import type { Domain } from "./answer.ts";
import { recollected } from "../memory/recollected.ts";

/**
 * A host or mail domain; U-labels become A-labels. `undefined` for everything
 * else: IP addresses, address literals, names with `_`, `*` or spaces, names
 * too long for the DNS.
 */
export function toDomain(text: string): Domain | undefined {
  // Not to be remembered: it may be of any length.
  return text.length > LONGEST_INPUT ? undefined : domainOf(text);
}

/** As `toDomain`, for names that are only asked for: a label may also have `_`, and a hyphen at its ends. */
export function toQueryName(text: string): Domain | undefined {
  return text.length > LONGEST_INPUT ? undefined : queryNameOf(text);
}

const LONGEST = 253;

/** A U-label is shorter than its A-label in characters, but a character may be two UTF-16 units. */
const LONGEST_INPUT = 2 * LONGEST;

const domainOf = recollected((text) => normalise(text, /^(?!-)[a-z0-9-]{1,63}$(?<!-)/));
const queryNameOf = recollected((text) => normalise(text, /^[a-z0-9_-]{1,63}$/));

/**
 * Letters, marks and digits of any script, and the few signs that RFC 5892
 * appendix A allows between them. Not the other dots (U+3002, U+FF0E, U+FF61):
 * a name must have the same labels before and after the conversion.
 */
const U_LABEL = /^[\p{L}\p{M}\p{Nd}\p{Join_Control}\u00b7\u0375\u05f3\u05f4\u30fb_-]+$/u;

function normalise(text: string, label: RegExp): Domain | undefined {
  const name = toALabels(text.endsWith(".") ? text.slice(0, -1) : text);
  if (name === undefined || name.length > LONGEST) return undefined;
  const labels = name.split(".");
  return labels.every((part) => label.test(part)) && !isNumber(labels.at(-1) ?? "") ? name : undefined;
}

// `domainToASCII` reads the host of a URL: `1` is `0.0.0.1` to it and `ex%61mple`
// is `example`. It may see nothing but labels of letters, digits and hyphens.
function toALabels(name: string): string | undefined {
  if (/^\p{ASCII}*$/u.test(name)) return name.toLowerCase();
  return name.split(".").every((part) => U_LABEL.test(part)) ? domainToASCII(name) : undefined;
}

// No top-level domain is a number (RFC 1123 section 2.1, RFC 3696 section 2). A
// name that ends in one is an IPv4 address to somebody: `127.1`, `0x7f.0x1`.
const isNumber = (label: string) => /^(?:\d+|0x[0-9a-f]*)$/.test(label);
