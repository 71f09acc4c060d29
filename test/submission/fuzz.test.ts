/**
 * Strangers who send anything at all: the process lives, its memory stays, and
 * the next client is served. Every run has the same seeds; `FUZZ_SEED` and
 * `FUZZ_ROUNDS` try others.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Client, connectAndGreet, connectClient } from "./support/client.ts";
import { type Intake, startIntake } from "./support/intake.ts";

const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
const ROUNDS = Number(process.env["FUZZ_ROUNDS"] ?? 500);

const MEBIBYTE = 1024 * 1024;

/** Mulberry32: the same numbers for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const WORDS = [
  "EHLO client.example",
  "HELO x",
  "MAIL FROM:<a@from.example>",
  "MAIL FROM:<> SIZE=99999999999999999999 BODY=8BITMIME",
  "mail from:<@a,@b:c@d>",
  "RCPT TO:<b@to.example>",
  `RCPT TO:<${"x".repeat(300)}@to.example>`,
  "RCPT TO:<b@[127.0.0.1]> NOTIFY=NEVER",
  "DATA",
  ".",
  "..",
  "RSET",
  "NOOP",
  "VRFY x",
  "HELP",
  "STARTTLS",
  "AUTH PLAIN AGFwcABndWVzcw==",
  "AUTH LOGIN",
  "XCLIENT ADDR=127.0.0.1",
  "XFORWARD NAME=x",
  "BDAT 10 LAST",
  "WIZ x",
  "QUIT",
  "Subject: x",
  "",
  "\u0000\u0001\u00ff",
  "GET / HTTP/1.1",
];
const ENDS = ["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n\r\n", " ", ""];

/** Mostly commands, some of them broken, some bytes without meaning. */
function noise(random: (below: number) => number): Buffer {
  const parts: Buffer[] = [];
  for (let i = 1 + random(40); i > 0; i--) {
    const word = Buffer.from((WORDS[random(WORDS.length)] ?? "") + (ENDS[random(ENDS.length)] ?? ""), "latin1");
    if (random(8) === 0 && word.length > 0) word[random(word.length)] = random(256);
    parts.push(random(25) === 0 ? Buffer.from(Array.from({ length: random(2_000) }, () => random(256))) : word);
  }
  return Buffer.concat(parts);
}

async function sendNoise(port: number, random: (below: number) => number): Promise<void> {
  const client = await connectClient(port);
  if (random(3) > 0) await client.reply();
  if (random(2) > 0)
    client.send("EHLO client.example\r\nMAIL FROM:<a@from.example>\r\nRCPT TO:<b@to.example>\r\nDATA\r\n");
  const bytes = noise(random);
  // In pieces, so that words are cut anywhere.
  for (let at = 0; at < bytes.length;) {
    const length = 1 + random(500);
    client.socket.write(bytes.subarray(at, at + length));
    at += length;
    if (random(4) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  if (random(2) === 0) client.socket.destroy();
  else client.socket.end();
  await client.closed;
}

async function serves(intake: Intake): Promise<void> {
  await using client = await connectAndGreet(intake.port);
  await beginData(client);
  assert.match((await client.command("Subject: still here\r\n\r\nx\r\n.")) ?? "", /^250 /);
}

async function beginData(client: Client): Promise<void> {
  await client.command("MAIL FROM:<a@from.example>");
  await client.command("RCPT TO:<b@to.example>");
  assert.match((await client.command("DATA")) ?? "", /^354 /);
}

const faults = (intake: Intake) => intake.events.filter(({ event }) => event === "fault");

test("no bytes end the process, make a fault, or keep the next client from being served", async () => {
  await using intake = await startIntake({ idleTimeoutMs: 1_000 });
  const before = process.memoryUsage().rss;
  for (let round = 0; round < ROUNDS; round += 10) {
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => sendNoise(intake.port, randomOf(SEED * 100_003 + round + i))),
    );
    await serves(intake);
  }
  assert.deepEqual(faults(intake), []);
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 200 * MEBIBYTE, `grew by ${Math.round(grown / MEBIBYTE)} MiB`);
});

/** Writes as fast as it is taken, until all is written or the connection has closed. Answers how much that was. */
async function pour(client: Client, piece: Buffer, pieces: number): Promise<number> {
  let written = 0;
  for (; written < pieces && !client.socket.destroyed; written++) {
    if (client.socket.write(piece)) continue;
    await Promise.race([client.closed, new Promise((resolve) => client.socket.once("drain", resolve))]);
  }
  return written * piece.length;
}

test("lines and messages without an end are cut off, in memory that does not grow with them", async () => {
  await using intake = await startIntake({ maxMessageBytes: MEBIBYTE });
  const collect = garbageCollector();
  // What is held counts, not what the next collection would free, nor what the allocator keeps for itself.
  const heldBytes = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = heldBytes();
  const cases: [what: string, data: boolean, piece: string][] = [
    ["a command line without an end", false, "x".repeat(65_536)],
    ["a header line without an end", true, "x".repeat(65_536)],
    ["header fields without an end", true, "X-Field: value\r\n".repeat(4_096)],
    ["a folded field without an end", true, " folded\r\n".repeat(8_192)],
    ["a body line without an end", true, `Subject: x\r\n\r\n${"x".repeat(65_536)}`],
    ["lines of dots without an end", true, "..\r\n".repeat(1_024)],
  ];
  for (const [what, data, piece] of cases) {
    await using client = await connectAndGreet(intake.port);
    if (data) await beginData(client);
    const most = 256 * MEBIBYTE;
    const written = await pour(client, Buffer.from(piece), most / piece.length);
    assert.ok(written < most / 4, `${what}: ${written} bytes were taken`);
    assert.match((await client.reply()) ?? "421 ", /^(?:421|552) /, what);
    await serves(intake);
    const grown = heldBytes() - before;
    assert.ok(grown < 32 * MEBIBYTE, `${what}: grew by ${Math.round(grown / MEBIBYTE)} MiB`);
  }
  assert.deepEqual(faults(intake), []);
});

function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

/** A multipart in a multipart in a multipart. */
function nested(depth: number): string {
  const open = Array.from(
    { length: depth },
    (_, i) => `--${i}\r\nContent-Type: multipart/mixed; boundary=${i + 1}\r\n\r\n`,
  );
  return `Subject: deep\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=0\r\n\r\n${open.join("")}`;
}

test("a message built to be hard to read is taken or refused at once: the relay does not unpack it", async () => {
  await using intake = await startIntake({ maxMessageBytes: 10 * MEBIBYTE });
  const cases: [what: string, text: string, reply: RegExp][] = [
    ["50,000 multiparts, one in the other", nested(50_000), /^250 /],
    ["a field for each of 100,000 lines", `${"X: y\r\n".repeat(100_000)}\r\nbody\r\n`, /^554 5\.6\.0 /],
    ["a field folded 100,000 times", `Subject: x\r\n${" y\r\n".repeat(100_000)}\r\nbody\r\n`, /^554 5\.6\.0 /],
    ["1,000,000 empty lines", `Subject: x\r\n\r\n${"\r\n".repeat(1_000_000)}`, /^250 /],
    [
      "a line of 5 MiB (RFC 5321 section 4.5.3.1.6 asks to take no less than 1,000)",
      `Subject: x\r\n\r\n${"x".repeat(5 * MEBIBYTE)}\r\n`,
      /^250 /,
    ],
    ["no header at all", "\r\nbody\r\n", /^250 /],
    ["nothing", "", /^250 /],
  ];
  for (const [what, text, reply] of cases) {
    await using client = await connectAndGreet(intake.port);
    await beginData(client);
    client.send(text);
    assert.match((await client.command(".")) ?? "", reply, what);
    await serves(intake);
  }
  assert.deepEqual(faults(intake), []);
});
