/**
 * The parameters of MAIL and RCPT: what was announced in EHLO is taken, anything
 * else is refused by name, so that no client believes in a service it does not
 * get. RFC 5321 section 4.1.1.11.
 */
import { type Reply, tooLarge } from "./reply.ts";

/** Keywords in upper case; `true` is a keyword without a value. Values are xtext-decoded. */
export type Parameters = Record<string, string | true>;

export type MailParameters = { smtputf8: boolean; eightBit: boolean };

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
]);

export function judgeMailParameters(parameters: Parameters, maxMessageBytes: number): JudgedParameters {
  for (const [name, value] of Object.entries(parameters)) {
    const check = CHECKS.get(name);
    const reply = check === undefined ? unknown(name) : check(value, maxMessageBytes);
    if (reply !== undefined) return { kind: "refused", reply };
  }
  const body = parameters["BODY"];
  const eightBit = typeof body === "string" && body.toUpperCase() === "8BITMIME";
  return { kind: "parameters", smtputf8: parameters["SMTPUTF8"] === true, eightBit };
}

/** RCPT has none: `undefined` when there are none. */
export function refuseRecipientParameters(parameters: Parameters): Reply | undefined {
  const [name] = Object.keys(parameters);
  return name === undefined ? undefined : unknown(name);
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
