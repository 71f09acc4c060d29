/**
 * Signs messages. RFC 6376 (DKIM), with `relaxed/relaxed` and SHA-256 alone
 * (RFC 8301), and Ed25519 beside RSA (RFC 8463).
 *
 * Either all signatures are made or an error is thrown: a message is never
 * left unsigned where a key was given.
 */
import { createHash, sign as cryptoSign } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";
import { type RawField, rawFields, relaxedField, selectFields } from "./header.ts";
import type { DkimKey } from "./key.ts";
import { createRelaxedBody } from "./relaxed-body.ts";

// In the thread pool: an RSA signature takes a millisecond, which nobody else needs to wait for.
const signInBackground = promisify(cryptoSign);

const PIECE_BYTES = 64 * 1024;

/**
 * The DKIM-Signature fields, each with its CRLF, to be put on top of the message:
 * one for each key, in their order.
 * @param headerBytes where the header section ends, without the blank line
 * @param at when it is signed, epoch milliseconds
 */
export async function signatureFields(
  message: Buffer,
  headerBytes: number,
  keys: DkimKey[],
  at: number,
): Promise<string> {
  const fields = rawFields(message.toString("latin1", 0, headerBytes));
  const { names, signed } = selectFields(fields);
  const bodyHash = await hashBody(message.subarray(bodyStart(message, headerBytes)));
  const made = await Promise.all(keys.map((key) => signatureField(key, { names, signed, bodyHash, at })));
  return made.join("");
}

/** After the blank line; a message may end without one. */
function bodyStart(message: Buffer, headerBytes: number): number {
  return message.toString("latin1", headerBytes, headerBytes + 2) === "\r\n" ? headerBytes + 2 : headerBytes;
}

async function hashBody(body: Buffer): Promise<string> {
  const hash = createHash("sha256");
  const relaxed = createRelaxedBody((text) => hash.update(text, "latin1"));
  for (let from = 0; from < body.length; from += PIECE_BYTES) {
    relaxed.update(body.subarray(from, from + PIECE_BYTES));
    // A large message does not keep the others waiting.
    if (from % (16 * PIECE_BYTES) === 15 * PIECE_BYTES) await nextTurn();
  }
  relaxed.end();
  return hash.digest("base64");
}

type ToSign = { names: string[]; signed: RawField[]; bodyHash: string; at: number };

async function signatureField(key: DkimKey, { names, signed, bodyHash, at }: ToSign): Promise<string> {
  const start = [
    `DKIM-Signature: v=1; a=${key.type}-sha256; c=relaxed/relaxed; d=${key.domain};`,
    `s=${key.selector}; t=${Math.floor(at / 1000)};`,
    // No `l=`: whatever were added behind the signed part would pass. RFC 6376 section 8.2.
    `bh=${bodyHash};`,
    ...foldedNames(names),
    "b=",
  ].join("\r\n\t");
  // The field signs itself, with its own signature left empty, and without its CRLF. RFC 6376 section 3.7.
  const own = relaxedField({ name: "dkim-signature", raw: start });
  const input = Buffer.from([...signed.map(relaxedField), own].join("\r\n"), "latin1");
  const signature = await signatureOf(key, input);
  return `${start}${signature.replaceAll(/.{1,72}/g, "$&\r\n\t").trimEnd()}\r\n`;
}

function signatureOf({ type, privateKey }: DkimKey, input: Buffer): Promise<string> {
  // RFC 8463 section 3: what Ed25519 signs is the hash.
  const made =
    type === "rsa"
      ? signInBackground("sha256", input, privateKey)
      : signInBackground(null, createHash("sha256").update(input).digest(), privateKey);
  return made.then((signature) => signature.toString("base64"));
}

const MOST_COLUMNS = 72;

/** `h=from:to:…;` in lines; white space beside a colon does not count. RFC 6376 section 3.5. */
function foldedNames(names: string[]): string[] {
  const lines = ["h="];
  for (const [index, name] of names.entries()) {
    const piece = name + (index === names.length - 1 ? ";" : ":");
    const last = lines.length - 1;
    if ((lines[last] ?? "").length + piece.length > MOST_COLUMNS) lines.push(piece);
    else lines[last] += piece;
  }
  return lines;
}
