/**
 * A message with all that SMTP programs are known to damage: text beyond ASCII
 * in header and body, bytes that are no UTF-8, dots that begin lines, the longest
 * line there may be, and white space at the ends of lines.
 */

/** RFC 5321 section 4.5.3.1.6: a thousand octets with the CRLF. */
const LONGEST_LINE = 998;

/**
 * With Date and Message-ID, so that a submission server adds nothing but its trace.
 *
 * @param charset of the body's last line
 */
export function awkwardMessage(charset: "utf-8" | "iso-8859-1"): Buffer {
  const head = [
    "Date: Sun, 22 Nov 2026 10:00:00 +0000",
    "From: Jörg <app@sender.test>",
    "Subject: Grüße, Привет, 你好",
    "\tfolded, and ended by a blank ",
    "Message-ID: <awkward@sender.test>",
    "MIME-Version: 1.0",
    `Content-Type: text/plain; charset=${charset}`,
    "Content-Transfer-Encoding: 8bit",
  ];
  const body = [
    ".one dot begins this line",
    "..two dots",
    ".",
    "the line before is a dot alone; the next one has blanks at its end",
    "blanks  \t ",
    "",
    "From the beginning of a line",
    "x".repeat(LONGEST_LINE),
    `.${"y".repeat(LONGEST_LINE - 1)}`,
    "",
    "",
  ];
  const lines = [...head, "", ...body].map((line) => `${line}\r\n`);
  const last = Buffer.from("café, ÿ\r\n", charset === "utf-8" ? "utf8" : "latin1");
  return Buffer.concat([Buffer.from(lines.join("")), last]);
}
