/**
 * An SMTP reply, read. RFC 5321 section 4.2, RFC 2034 (enhanced status codes).
 */

export type Reply = {
  code: number;
  /** Enhanced status code the server gave, like `5.1.1`. */
  status?: string;
  /** The whole text on one line, code and all, printable and at most 500 characters. */
  text: string;
};

const LONGEST = 500;

/** Reads what a server sent, one line or several. `undefined` when it does not begin with a reply code. */
export function readReply(raw: string): Reply | undefined {
  const first = /^([2-5]\d\d)(?:[ -]|$)/.exec(raw);
  if (first === null) return undefined;
  const code = Number(first[1]);
  const lines = raw.split(/\r?\n/).map((line) => line.replace(/^\d{3}(?:[ -]|$)/, ""));
  const status = /^([245]\.\d{1,3}\.\d{1,3})(?: |$)/.exec(lines[0] ?? "")?.[1];
  // Each line of an enhanced reply repeats the status code; once is enough to read.
  const rest = lines.map((line, i) =>
    i > 0 && line.startsWith(`${status} `) ? line.slice(`${status} `.length) : line,
  );
  const text = printable(`${code} ${rest.join(" ")}`.slice(0, LONGEST));
  // A status of another class than the code contradicts it: the code counts. RFC 2034 section 4.
  return status !== undefined && status[0] === String(code)[0] ? { code, status, text } : { code, text };
}

/**
 * What a stranger sent, fit for a log line and a report: no control characters,
 * none that are not seen or change the direction of writing, no half characters.
 */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").trim();
}
