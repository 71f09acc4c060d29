import assert from "node:assert/strict";
import { test } from "node:test";
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";
import { skipPlainText } from "../../src/submission/plain-text.ts";
import { seededRandom } from "../../scripts/lib/random.ts";

type Read = { text: string; bytes: number; over: boolean; after: string[] };

/** What a parser makes of these chunks: the message's text, and the commands after it. */
async function read(chunks: Buffer[], worthBytes: number | undefined, maxBytes: number): Promise<Read> {
  const parser = new SMTPStream();
  if (worthBytes !== undefined) skipPlainText(parser, worthBytes);
  const after: string[] = [];
  const text: Buffer[] = [];
  let size = { bytes: 0, over: false };
  parser.oncommand = (command, callback) => {
    after.push(command.toString("latin1"));
    setImmediate(() => callback?.());
  };
  const stream = parser.startDataMode(maxBytes);
  stream.on("data", (chunk: Buffer) => text.push(chunk));
  stream.on("end", () => {
    size = { bytes: stream.byteLength, over: stream.sizeExceeded };
    parser.continue();
  });
  for (const chunk of chunks) {
    await new Promise<void>((resolve, reject) => parser.write(chunk, (err) => (err ? reject(err) : resolve())));
  }
  return { text: Buffer.concat(text).toString("latin1"), ...size, after };
}

function cut(whole: Buffer, random: () => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < whole.length;) {
    const length = 1 + Math.floor(random() ** 2 * 40);
    chunks.push(whole.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

test("what is skipped changes nothing, however the text is made and cut (RFC 5321 section 4.5.2)", async () => {
  const random = seededRandom(7);
  const parts = ["\r\n", "\r\n", "\n", "\r", ".", ".", "..", "\r\n.", "\r\n..", "\n.\n", "a", "some plain text "];
  let ended = 0;
  for (let round = 0; round < 3_000; round++) {
    const length = Math.floor(random() * 30);
    const body = Array.from({ length }, () => parts[Math.floor(random() * parts.length)]).join("");
    const chunks = cut(Buffer.from(`${body}\r\n.\r\nNOOP 1\r\nNOOP 2\r\n`), random);
    const limit = Math.floor(random() * 100);
    const expected = await read(chunks, undefined, limit);
    assert.deepEqual(await read(chunks, 1 + Math.floor(random() * 6), limit), expected, JSON.stringify(body));
    if (expected.after.length === 2) ended += 1;
  }
  assert.ok(ended > 1_000, `${ended} ended where they should`);
});

test("a large message is handed on as it is, in few pieces", async () => {
  const line = `${"x".repeat(76)}\r\n`;
  const text = line.repeat(2_000);
  const found = await read([Buffer.from(`${text}.\r\nQUIT\r\n`)], 8_192, 1e6);
  assert.equal(found.text, text);
  assert.deepEqual(found.after, ["QUIT"]);
  assert.equal(found.bytes, text.length);
});
