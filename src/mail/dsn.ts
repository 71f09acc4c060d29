/**
 * What a sender wants to hear of a message and its recipients: the DSN
 * parameters of MAIL and RCPT, as values and as they are written on the wire.
 * RFC 3461 section 4, RFC 6533 section 3 (addresses that are not ASCII).
 */

/** What is returned with a report of a failure: the whole message, or its header section. */
export type Ret = "FULL" | "HDRS";

export const NOTIFY_WORDS = ["NEVER", "SUCCESS", "FAILURE", "DELAY"] as const;
export type NotifyWord = (typeof NOTIFY_WORDS)[number];

/** Of MAIL. */
export type MessageDsn = {
  /** Absent: the header section. */
  ret?: Ret;
  /** The sender's own name for the message: printable ASCII, decoded. */
  envid?: string;
};

/** Of RCPT. */
export type RecipientDsn = {
  /** Absent: failures and delays. `NEVER` stands alone. */
  notify?: NotifyWord[];
  /** The address that the sender wrote, before anyone forwarded it: its type, `;`, itself. ASCII, decoded. */
  orcpt?: string;
};

export type EnvelopeDsn = MessageDsn & {
  /** By address; those without a wish of their own are not in it. */
  recipients?: ReadonlyMap<string, RecipientDsn>;
};

/** RFC 3461 section 4.1: without NOTIFY failures are reported, and delays may be. */
export function wantsReport({ notify }: RecipientDsn, of: "SUCCESS" | "FAILURE" | "DELAY"): boolean {
  return notify === undefined ? of !== "SUCCESS" : notify.includes(of);
}

/** `RET=FULL ENVID=…`, one item each. */
export function mailParameters({ ret, envid }: MessageDsn): string[] {
  return [...(ret === undefined ? [] : [`RET=${ret}`]), ...(envid === undefined ? [] : [`ENVID=${xtext(envid)}`])];
}

/** `NOTIFY=… ORCPT=…`, one item each. */
export function recipientParameters({ notify, orcpt }: RecipientDsn): string[] {
  return [
    ...(notify === undefined ? [] : [`NOTIFY=${notify.join(",")}`]),
    ...(orcpt === undefined ? [] : [`ORCPT=${xtextOfOrcpt(orcpt)}`]),
  ];
}

/** ASCII as a parameter value: what is no graphic character, `+` and `=` as `+XX`. RFC 3461 section 4. */
export function xtext(text: string): string {
  return text.replace(/[^!-*,-<>-~]/g, (char) => `+${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}

/** The type stays as it is: a `+` or `=` is an atom's character there. */
function xtextOfOrcpt(orcpt: string): string {
  const end = orcpt.indexOf(";") + 1;
  return orcpt.slice(0, end) + xtext(orcpt.slice(end));
}

/**
 * An address with the type that a report gives it: `rfc822;user@example.com`.
 * One that is not ASCII has a type of its own and a form in ASCII, in which `\`,
 * `+`, `=` and space are escaped too. RFC 6533 section 3.
 */
export function typedAddress(address: string): string {
  return /\P{ASCII}/u.test(address) ? `utf-8;${escapedUtf8(address)}` : `rfc822;${address}`;
}

export function escapedUtf8(address: string): string {
  return address.replace(
    /[^!-*,-<>-[\]-~]/gu,
    (char) => `\\x{${(char.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`,
  );
}
