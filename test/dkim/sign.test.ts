import assert from "node:assert/strict";
import { test } from "node:test";
import { type DkimKey, generateDkimKey, keyRecordName, readDkimKey } from "../../src/dkim/key.ts";
import { createSigner } from "../../src/dkim/signer.ts";
import { recordsOf, verify } from "./support/verify.ts";

const rsa = keyOf("rsa", "r1");
const ed25519 = keyOf("ed25519", "e1");
const HEADER = [
  "Received: from app ([192.0.2.1]) by relay.example with ESMTP id 1;\r\n\tTue, 01 Jan 2030 00:00:00 +0000",
  'From: "A  B"   <app@Sender.Example>',
  "To: user@example.com",
  "Subject: a  folded\r\n   subject \t",
  "Date: Tue, 01 Jan 2030 00:00:00 +0000",
  "Message-ID: <1@sender.example>",
].join("\r\n");

const MESSAGES: Record<string, Buffer> = {
  "a plain body": text(`${HEADER}\r\n\r\nHello\r\n`),
  "8-bit text": Buffer.concat([
    text(`${HEADER}\r\n\r\n`),
    Buffer.from([0xe9, 0x20, 0xa0, 0x0d, 0x0a, 0xff, 0x0d, 0x0a]),
  ]),
  "a UTF-8 header (SMTPUTF8)": text(`${HEADER.replace("a  folded", "Grüße à")}\r\n\r\nÜbung\r\n`),
  "a UTF-8 header that ends in the byte 0xA0": text(`${HEADER}\r\nReply-To: <x@sender.example> à\r\n\r\nHello\r\n`),
  "lines that begin with a dot": text(`${HEADER}\r\n\r\n.\r\n..\r\n.hidden\r\n`),
  "no body at all": text(`${HEADER}\r\n`),
  "an empty body": text(`${HEADER}\r\n\r\n`),
  "a body of blank lines": text(`${HEADER}\r\n\r\n\r\n  \r\n\r\n`),
  "a body without a line end": text(`${HEADER}\r\n\r\nHello \t`),
  "white space of every kind": text(`${HEADER}\r\n\r\n a \t b\t\r\n\t\r\n \r\n  c\r\n\r\n\r\n`),
  "blank lines across pieces": text(`${HEADER}\r\n\r\na${"\r\n".repeat(70_000)}b${"\r\n".repeat(70_000)}`),
  "a long run of white space": text(`${HEADER}\r\n\r\na${" ".repeat(200_000)}b${"\t".repeat(200_000)}\r\n`),
  "10 MB": text(`${HEADER}\r\n\r\n${"A line  of a long message. \r\n".repeat(375_000)}`),
};

for (const [what, data] of Object.entries(MESSAGES)) {
  test(`both signatures of a message with ${what} pass an independent verifier (RFC 6376, RFC 8463)`, async () => {
    const signed = await createSigner([rsa, ed25519])(messageOf(data));
    const verified = await verify(signed.data, recordsOf([rsa, ed25519]));
    assert.deepEqual(
      verified.map(({ result, algorithm }) => `${algorithm} ${result}`),
      ["rsa-sha256 pass", "ed25519-sha256 pass"],
      JSON.stringify(verified),
    );
    assert.ok(signed.data.subarray(-data.length).equals(data), "the message itself is untouched");
  });
}

test("wherever the pieces are cut, the hash is the same", async () => {
  const body = "a \r\n b\t\t\r\n\r\n \r\nc \t d\r\n\r\n  \r\n\r\n";
  for (let padding = 65_520; padding < 65_545; padding++) {
    const data = text(`${HEADER}\r\n\r\n${"x".repeat(padding)}${body}`);
    const [first] = await verify((await createSigner([ed25519])(messageOf(data))).data, recordsOf([ed25519]));
    assert.equal(first?.result, "pass", `padding ${padding}`);
  }
});

test("a message that was changed on the way fails (RFC 6376 section 6.1)", async () => {
  const { data } = await createSigner([rsa])(messageOf(text(`${HEADER}\r\n\r\nHello\r\n`)));
  const signed = data.toString("latin1");
  const changes: Record<string, string> = {
    "another body": signed.replace("Hello", "Hallo"),
    "something added to the body": `${signed}more\r\n`,
    "another subject": signed.replace("folded", "forged"),
    "a second From (RFC 6376 section 8.15)": `From: boss@sender.example\r\n${signed}`,
    "a second Subject": `Subject: forged\r\n${signed}`,
    "a Reply-To where there was none": `Reply-To: thief@sender.example\r\n${signed}`,
    "a Content-Type where there was none": `Content-Type: text/html\r\n${signed}`,
  };
  for (const [what, changed] of Object.entries(changes)) {
    const [first] = await verify(Buffer.from(changed, "latin1"), recordsOf([rsa]));
    assert.notEqual(first?.result, "pass", what);
  }
  const folded = signed.replace("Subject: a  folded\r\n   subject", "Subject: a folded subject");
  const [harmless] = await verify(Buffer.from(`Received: from x by y\r\n${folded}`, "latin1"), recordsOf([rsa]));
  assert.equal(harmless?.result, "pass", "unfolding and a trace field are no change");
});

test("the domain in the From field chooses the keys; a domain without one stays unsigned", async () => {
  const other = keyOf("ed25519", "o", "other.example");
  const idn = keyOf("ed25519", "i", "xn--bcher-kva.example");
  const sign = createSigner([rsa, ed25519, other, idn]);
  const cases: Record<string, string[]> = {
    "From: app@sender.example": ["r1", "e1"],
    "from : <APP@SENDER.EXAMPLE>": ["r1", "e1"],
    "From: a@sender.example, b@other.example": ["r1", "e1", "o"],
    "From: a@other.example\r\nFrom: b@sender.example": ["o", "r1", "e1"],
    "From: Team: a@other.example;": ["o"],
    "From: x@bücher.example": ["i"],
    "From: a@sub.sender.example": [],
    "From: a@stranger.example": [],
    "Subject: nobody": [],
  };
  for (const [fields, selectors] of Object.entries(cases)) {
    const { data } = await sign(messageOf(text(`${fields}\r\nDate: x\r\n\r\nHello\r\n`)));
    const found = [...data.toString("latin1").matchAll(/^\ts=(\w+);/gm)].map((match) => match[1]);
    assert.deepEqual(found, selectors, fields);
  }
});

test("signature fields have no line longer than 78 columns, no l= tag, and the relaxed forms", async () => {
  const { data } = await createSigner([rsa])(messageOf(text(`${HEADER}\r\n\r\nHello\r\n`)));
  const field = data.toString("latin1").split(/\r\n(?![ \t])/)[0] ?? "";
  for (const line of field.split("\r\n")) assert.ok(line.length <= 78, line);
  assert.match(field, /c=relaxed\/relaxed/);
  assert.doesNotMatch(field, /[;\s]l=/);
  assert.equal(field.match(/\bfrom\b/g)?.length, 2, "From is signed once more than it is there");
});

test("a key that cannot sign makes the message fail, never go unsigned", async () => {
  const broken = { ...rsa, privateKey: keyOf("ed25519", "x").privateKey };
  await assert.rejects(createSigner([ed25519, broken])(messageOf(text(`${HEADER}\r\n\r\nHello\r\n`))));
});

test("signing 20 MB takes no memory of that size beyond the signed message itself", async () => {
  const data = Buffer.alloc(20 * 1024 * 1024, "0123456789 abc def\r\n");
  const message = messageOf(Buffer.concat([text(`${HEADER}\r\n\r\n`), data]));
  const before = process.memoryUsage().arrayBuffers;
  const signed = await createSigner([ed25519])(message);
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < message.data.length + 8 * 1024 * 1024, `${grown} bytes`);
  assert.ok(signed.data.length > message.data.length);
});

function keyOf(type: "rsa" | "ed25519", selector: string, domain = "sender.example"): DkimKey {
  const read = readDkimKey(generateDkimKey(type));
  assert.ok("privateKey" in read);
  assert.ok(keyRecordName(selector, domain).startsWith(selector));
  return { domain, selector, ...read };
}

function text(content: string): Buffer {
  return Buffer.from(content);
}

function messageOf(data: Buffer) {
  const envelope = { from: "app@sender.example", to: ["user@example.com"], smtputf8: false, eightBit: true };
  return { id: "1", envelope, data, acceptedAt: Date.now() };
}
