/**
 * How an MX host of the lab behaves: parts that can be put together freely,
 * each left out for "properly".
 */
import type { SecureVersion } from "node:tls";

/** A reply without its CRLF: `454 4.7.0 no TLS today`. */
export type ReplyLine = `${number} ${string}`;

export type MxBehaviour = {
  /** `never`: the connection is taken and nothing is said. Default: 220 and the host's name. */
  greeting?: ReplyLine | "never";
  /** What EHLO lists besides STARTTLS. Default: PIPELINING, SIZE, 8BITMIME, SMTPUTF8. */
  keywords?: string[];
  /**
   * `absent`: not advertised, and the command is unknown. `reply`: advertised,
   * then answered with this. `inject`: the handshake works, and these bytes
   * follow the 220 line in clear and in one packet with it, as an attacker on
   * the path would put them there (RFC 3207 section 6). Default: `offered`.
   */
  starttls?: "offered" | "absent" | { reply: ReplyLine } | { inject: string };
  /** Protocol versions spoken. Default: TLS 1.2 and 1.3. */
  tls?: { minVersion: SecureVersion; maxVersion: SecureVersion };
  /** The reply to MAIL FROM; `undefined` for 250. */
  mail?: (from: string) => ReplyLine | undefined;
  /** The reply to RCPT TO; `undefined` for 250. */
  rcpt?: (to: string, from: string) => ReplyLine | undefined;
  /** The reply to DATA. Default: 354. */
  data?: ReplyLine;
  /** The reply to the whole message. Default: 250. */
  message?: ReplyLine;
  /** Cuts the connection on the first bytes of a message, or after the whole of it and before the reply. */
  drop?: "during-message" | "after-message";
};

export const USUAL_KEYWORDS = ["PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8"];
