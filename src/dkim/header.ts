/**
 * The header section as a signature sees it: which fields are signed, and
 * their "relaxed" form. Text here is latin1, one character for each byte.
 * RFC 6376 sections 3.4.2 and 5.4.
 */

export type RawField = {
  /** In lower case. */
  name: string;
  /** With its folds, without the CRLF at its end. */
  raw: string;
};

/** The fields of a header section, in order. Lines that are no field belong to none. */
export function rawFields(header: string): RawField[] {
  return header.split(/\r\n(?![ \t])/).flatMap((raw) => {
    const colon = raw.indexOf(":");
    return colon < 1 ? [] : [{ name: raw.slice(0, colon).trim().toLowerCase(), raw }];
  });
}

/** `name:value`, unfolded, runs of white space as one space. RFC 6376 section 3.4.2. */
export function relaxedField({ name, raw }: RawField): string {
  const value = raw.slice(raw.indexOf(":") + 1).replaceAll(/[ \t\r\n]+/g, " ");
  // Not trim(): to it the byte 0xA0, which ends many a UTF-8 character, is a space.
  return `${name}:${value.replace(/^ /, "").replace(/ $/, "")}`;
}

/**
 * Signed once more than they are there, so that nobody on the way can add
 * another: a second From or Subject is what a reader may be shown.
 * RFC 6376 section 8.15.
 */
const OVERSIGNED = [
  "from",
  "reply-to",
  "subject",
  "to",
  "cc",
  "date",
  "message-id",
  "mime-version",
  "content-type",
  "content-transfer-encoding",
];

/** Signed as often as they are there. RFC 6376 section 5.4.1; RFC 8460 section 5.3 for the last ones. */
const SIGNED = [
  "sender",
  "in-reply-to",
  "references",
  "content-id",
  "content-description",
  "content-disposition",
  "content-language",
  "list-id",
  "list-help",
  "list-unsubscribe",
  "list-unsubscribe-post",
  "list-subscribe",
  "list-post",
  "list-owner",
  "list-archive",
  "auto-submitted",
  "tls-required",
  "tls-report-domain",
  "tls-report-submitter",
];

/**
 * The names for the `h=` tag, and the fields in the order in which they are
 * hashed: of several with one name the last comes first. RFC 6376 section 5.4.2.
 */
export function selectFields(fields: RawField[]): { names: string[]; signed: RawField[] } {
  const names: string[] = [];
  const signed: RawField[] = [];
  for (const name of [...OVERSIGNED, ...SIGNED]) {
    const present = fields.filter((field) => field.name === name).toReversed();
    signed.push(...present);
    names.push(...present.map(() => name), ...(OVERSIGNED.includes(name) ? [name] : []));
  }
  return { names, signed };
}
