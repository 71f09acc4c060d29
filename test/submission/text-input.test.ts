import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";
import { TextInput, takeTextIn } from "../../src/submission/text-input.ts";
import { until } from "../store/support.ts";

/** A parser in the middle of DATA, and what comes out of it. */
function parserInData() {
  const parser = new SMTPStream();
  takeTextIn(parser);
  const commands: string[] = [];
  parser.oncommand = (command, callback) => {
    commands.push(command.toString());
    callback?.();
  };
  const input = parser.startDataMode(1_000_000);
  assert.ok(input instanceof TextInput);
  return { parser, input, commands };
}

test("a text comes through in any pieces, and the next command behind it", async () => {
  const wire = "Subject: hello\r\n\r\n..dots\r\nbye\r\n.\r\nQUIT\r\n";
  for (const size of [1, 3, 7, wire.length]) {
    const { parser, input, commands } = parserInData();
    const pieces: Buffer[] = [];
    input.on("data", (piece: Buffer) => pieces.push(piece));
    input.on("end", () => parser.continue());
    for (let at = 0; at < wire.length; at += size) parser.write(wire.slice(at, at + size));
    await once(input, "end");
    parser.end();
    await once(parser, "finish");
    assert.equal(Buffer.concat(pieces).toString(), "Subject: hello\r\n\r\n.dots\r\nbye\r\n", `${size} at a time`);
    assert.deepEqual(commands, ["QUIT"]);
    assert.equal(input.byteLength, 30);
    assert.equal(input.writableEnded, true);
  }
});

test("a client is not read from while nobody takes its text", async () => {
  const { parser, input } = parserInData();
  const piece = Buffer.from(`${"x".repeat(998)}\r\n`.repeat(100));
  let taken = 0;
  for (let i = 0; i < 20; i += 1) parser.write(piece, () => (taken += 1));
  await new Promise(setImmediate);
  assert.equal(taken, 0, "the first piece is more than it holds");
  input.resume();
  parser.write(".\r\n");
  await once(input, "end");
  assert.equal(taken, 20);
});

test("a text that nobody wants any more does not hold up the client", async () => {
  const { parser, input } = parserInData();
  const piece = Buffer.from(`${"x".repeat(998)}\r\n`.repeat(100));
  let taken = 0;
  for (let i = 0; i < 5; i += 1) parser.write(piece, () => (taken += 1));
  input.destroy();
  await once(input, "close");
  await until(() => taken === 5, "all of it is read");
  assert.equal(input.writable, false);
});
