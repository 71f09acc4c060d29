/**
 * smtp-server looks at each byte of a message for the dot that ends it. Only a
 * dot at the beginning of a line can be that one, or one too many (RFC 5321
 * section 4.5.2): what is before the first such dot is handed on as it is, and
 * upstream reads from a little before it.
 */
import type { SMTPStream } from "smtp-server/lib/smtp-stream.js";

const DOT = 0x2e;
const LINE_WITH_DOT = "\n.";

/** The longest sequence that upstream knows, CR LF dot CR LF, may begin so many bytes before the dot and its LF. */
const REACH = 4;

/** With less to skip, a look at each byte costs less. */
const WORTH_BYTES = 8_192;

/** @param worthBytes skip no less at a time */
export function skipPlainText(parser: SMTPStream, worthBytes = WORTH_BYTES): void {
  const feed = parser._feedDataStream.bind(parser);
  parser._feedDataStream = (chunk, done) => feed(skip(parser, chunk, worthBytes), done);
}

/** What is left to be looked at. */
function skip(parser: SMTPStream, chunk: Buffer, worthBytes: number): Buffer {
  if (chunk.length < worthBytes + REACH) return chunk;
  const { _dataStream: stream, _lastBytes: held } = parser;
  if (!stream?.writable) return chunk;
  if (parser._atDataStart && (held || chunk[0] === DOT)) return chunk;
  // Its LF may have come before, and be held back by upstream.
  if (held && hasLineWithDot(held, chunk)) return chunk;
  const at = chunk.indexOf(LINE_WITH_DOT);
  const end = (at === -1 ? chunk.length : at) - REACH;
  if (end < worthBytes) return chunk;
  for (const text of held ? [held, chunk.subarray(0, end)] : [chunk.subarray(0, end)]) {
    parser._countDataBytes(text.length);
    stream.write(text);
  }
  parser._lastBytes = false;
  return chunk.subarray(end);
}

const hasLineWithDot = (held: Buffer, chunk: Buffer) =>
  Buffer.concat([held, chunk.subarray(0, REACH)]).includes(LINE_WITH_DOT);
