/**
 * What a client is told. Strangers see these texts: they stay general, the
 * detail goes to the log. RFC 5321 section 4.2, RFC 2034, RFC 3463.
 */

export type Reply = {
  code: number;
  /** Enhanced status code, like `5.7.1`. */
  status: `${2 | 4 | 5}.${number}.${number}`;
  text: string;
  /** For the log alone. */
  detail?: string;
};

/** As it is on the wire. */
export const replyLine = (reply: Reply): string => `${reply.code} ${replyText(reply)}`;

/** What follows the code. */
export const replyText = (reply: Reply): string => `${reply.status} ${reply.text}`;

export const isRefusal = (reply: Reply): boolean => reply.code >= 400;

/** Something is wrong on our side: the client keeps the message and comes again. */
export const LOCAL_ERROR: Reply = { code: 451, status: "4.3.0", text: "Local error, try again later" };

/** No room for the message now. */
export const NO_ROOM: Reply = { code: 452, status: "4.3.1", text: "Insufficient storage, try again later" };

export const TOO_MANY_RECIPIENTS: Reply = { code: 452, status: "4.5.3", text: "Too many recipients" };

/** RFC 1870 section 6.2. */
export function tooLarge(maxBytes: number): Reply {
  return { code: 552, status: "5.3.4", text: `Message is larger than ${maxBytes} bytes` };
}
