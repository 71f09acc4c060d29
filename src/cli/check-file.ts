/**
 * Reads a policy file as senders would, line by line.
 */
import { createReadStream } from "node:fs";
import { type Severity, worstOf } from "../check/finding.ts";
import { type LineNote, lintPolicyFile, MOST_POLICY_BYTES } from "../check/policy-file.ts";
import { exitCodeOf } from "./check-exit.ts";
import { EXIT } from "./exit-codes.ts";

/** @param file `-` for standard input. Answers with the exit code. */
export async function checkFile(file: string, json: boolean): Promise<number> {
  const body = await read(file);
  if (typeof body === "string") {
    process.stderr.write(`sts-relay check: ${body}\n`);
    return EXIT.usage;
  }
  const notes = lintPolicyFile(body);
  const severity = worstOf(notes.map((note) => note.severity));
  const name = file === "-" ? "standard input" : file;
  process.stdout.write(json ? `${JSON.stringify({ file: name, severity, notes }, undefined, 2)}\n` : text(name, notes));
  return exitCodeOf(severity);
}

/** The file's bytes, a few more than senders would read at most; or, as text, why it cannot be read. */
async function read(file: string): Promise<Buffer | string> {
  const stream = file === "-" ? process.stdin : createReadStream(file);
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes > MOST_POLICY_BYTES) break;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? `${file} does not exist` : `${file} cannot be read (${code})`;
  }
  return Buffer.concat(chunks);
}

/** As compilers do it, for editors that jump to the place. */
function text(name: string, notes: LineNote[]): string {
  if (notes.length === 0) return `${name}: a policy with nothing wrong in it\n`;
  return notes
    .map(({ line, severity, says }) => `${name}${line === undefined ? "" : `:${line}`}: ${WORDS[severity]}${says}\n`)
    .join("");
}

const WORDS: Record<Severity, string> = { ok: "", info: "note: ", warning: "warning: ", error: "error: " };
