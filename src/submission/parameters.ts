/**
 * The parameters of MAIL and RCPT: what was announced in EHLO is taken, anything
 * else is refused by name, so that no client believes in a service it does not
 * get. RFC 5321 section 4.1.1.11.
 */
import {
  type EnvelopeDsn,
  escapedUtf8,
  NOTIFY_WORDS,
  type NotifyWord,
  type RecipientDsn,
  type Ret,
  xtext,
} from "../mail/dsn.ts";
import { type Reply, tooLarge } from "./reply.ts";

/** Keywords in upper case; `true` is a keyword without a value. Values are xtext-decoded. */
export type Parameters = Record<string, string | true>;

/** `dsn` is absent when the client has no wish. */
export type MailParameters = { smtputf8: boolean; eightBit: boolean; dsn?: EnvelopeDsn };

export type JudgedParameters = ({ kind: "parameters" } & MailParameters) | { kind: "refused"; reply: Reply };

type Check = (value: string | true, maxMessageBytes: number) => Reply | undefined;

const CHECKS = new Map<string, Check>([
  ["SIZE", checkSize],
  // RFC 6152 section 2.
  ["BODY", (value) => (isBody(value) ? undefined : badValue("BODY"))],
  // RFC 6531 section 3.4.
  ["SMTPUTF8", (value) => (value === true ? undefined : badValue("SMTPUTF8"))],
  // Who first submitted the message. RFC 4954 section 5 allows to treat every value
  // as `<>`, unknown: we trust no client's word for it, and hand nothing on.
  ["AUTH", (value) => (value === true ? badValue("AUTH") : undefined)],
  ["RET", (value) => (retOf(value) === undefined ? badValue("RET") : undefined)],
  ["ENVID", (value) => (isEnvid(value) ? undefined : badValue("ENVID"))],
]);

export function judgeMailParameters(parameters: Parameters, maxMessageBytes: number): JudgedParameters {
  for (const [name, value] of Object.entries(parameters)) {
    const check = CHECKS.get(name);
    const reply = check === undefined ? unknown(name) : check(value, maxMessageBytes);
    if (reply !== undefined) return { kind: "refused", reply };
  }
  const body = parameters["BODY"];
  const eightBit = typeof body === "string" && body.toUpperCase() === "8BITMIME";
  const dsn = dsnOf(parameters);
  const smtputf8 = parameters["SMTPUTF8"] === true;
  return { kind: "parameters", smtputf8, eightBit, ...(dsn === undefined ? {} : { dsn }) };
}

export type JudgedRecipient = { kind: "parameters"; dsn?: RecipientDsn } | { kind: "refused"; reply: Reply };

/** RCPT has those of RFC 3461 sections 4.1 and 4.2. */
export function judgeRecipientParameters(parameters: Parameters): JudgedRecipient {
  const dsn: RecipientDsn = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (name !== "NOTIFY" && name !== "ORCPT") return { kind: "refused", reply: unknown(name) };
    const notify = name === "NOTIFY" ? notifyOf(value) : undefined;
    const orcpt = name === "ORCPT" ? orcptOf(value) : undefined;
    if (notify === undefined && orcpt === undefined) return { kind: "refused", reply: badValue(name) };
    if (notify !== undefined) dsn.notify = notify;
    if (orcpt !== undefined) dsn.orcpt = orcpt;
  }
  return Object.keys(dsn).length === 0 ? { kind: "parameters" } : { kind: "parameters", dsn };
}

function dsnOf({ RET, ENVID }: Parameters): EnvelopeDsn | undefined {
  const ret = RET === undefined ? undefined : retOf(RET);
  const envid = typeof ENVID === "string" ? { envid: ENVID } : undefined;
  return ret === undefined && envid === undefined ? undefined : { ...(ret === undefined ? {} : { ret }), ...envid };
}

function retOf(value: string | true): Ret | undefined {
  const word = value === true ? "" : value.toUpperCase();
  return word === "FULL" || word === "HDRS" ? word : undefined;
}

/** RFC 3461 section 4.4: at most 100 characters as it is written, printable ASCII in truth. */
const isEnvid = (value: string | true) => value !== true && /^[ -~]+$/.test(value) && xtext(value).length <= 100;

/** RFC 3461 section 4.1: NEVER alone, or some of the others. */
function notifyOf(value: string | true): NotifyWord[] | undefined {
  if (value === true) return undefined;
  const words = new Set(value.toUpperCase().split(","));
  const known = NOTIFY_WORDS.filter((word) => words.has(word));
  const contradicts = words.has("NEVER") && words.size > 1;
  return known.length === words.size && !contradicts ? known : undefined;
}

/** RFC 3461 section 4.2: at most 500 characters. A client under SMTPUTF8 may write UTF-8 as it is. RFC 6533 section 3. */
function orcptOf(value: string | true): string | undefined {
  const [, type = "", address = ""] = /^([\w!#$%&'*+/=?^`{|}~-]+);(.+)$/u.exec(value === true ? "" : value) ?? [];
  const ascii = type.toLowerCase() === "utf-8" && /\P{ASCII}/u.test(address) ? escapedUtf8(address) : address;
  const orcpt = `${type};${ascii}`;
  return /^[ -~]+;[ -~]+$/.test(orcpt) && xtext(orcpt).length <= 500 ? orcpt : undefined;
}

/** RFC 1870 sections 5 and 6.1: a message that says it is too large is refused before it is sent. */
function checkSize(value: string | true, maxMessageBytes: number): Reply | undefined {
  if (value === true || !/^\d{1,20}$/.test(value)) return badValue("SIZE");
  return Number(value) > maxMessageBytes ? tooLarge(maxMessageBytes) : undefined;
}

const isBody = (value: string | true) => typeof value === "string" && /^(?:7BIT|8BITMIME)$/i.test(value);

function badValue(name: string): Reply {
  return { code: 501, status: "5.5.4", text: `Bad value of parameter ${name}` };
}

function unknown(name: string): Reply {
  // The name is the client's: what is not a keyword (RFC 5321 section 4.1.2) is not repeated.
  const keyword = /^[A-Z0-9][A-Z0-9-]{0,63}$/.test(name) ? ` ${name}` : "";
  return { code: 555, status: "5.5.4", text: `Parameter${keyword} is not supported` };
}
